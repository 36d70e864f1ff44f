// Publishing a model on the Hub: the form, and its actions. The Hub's library is imported when a visitor does that.

import { findModel } from "../../conversation/replies.js";
import { Refusal, shownName } from "../../engines/engine.js";
import { addModel } from "../../state/actions.js";
import * as page from "../../state/state.js";
import { LICENSES, configOf } from "../hub/card.js";
import { canSignIn, session, signIn } from "../hub/sign_in.js";
import { loadModel } from "../../worker/stored_training.js";
import { button } from "./elements.js";
import { hub, set, state } from "./state.js";
import { render, t } from "../../document/words.js";
import { html, useEffect, useRef } from "../../vendor/preact.js";

const PREVIEW = 200; // characters of the first words for link previews: chats show fewer

let controller = /** @type {AbortController | null} */ (null); // of the publishing in progress

/** Opens the form for a stored model. @param {string} name @param {Partial<import("./state.js").Fields>} [filledIn] */
export async function openForm(name, filledIn = {}) {
  const model = /** @type {any} */ (await loadModel(name));
  if (!model) return;
  const title = name.split("/").pop();
  const { license } = configOf(model.files).training ?? {};
  const fields = { repo: title, title, corpus: "", license: LICENSES.includes(license) ? license : LICENSES[0] };
  const others = { isPrivate: true, space: false, may: false, token: "" };
  const form = { model, fields: { ...fields, ...others, ...filledIn } };
  set({ form, report: null, refusal: session.fault });
}

/** Opens the form again after the visitor has signed in, with the values that it had before. */
export async function resume() {
  const { filledIn } = session;
  session.filledIn = null;
  if (filledIn) await openForm(filledIn.model, filledIn.fields);
}

/** Notes what the visitor fills in. @param {{name: string, type?: string, checked?: boolean, value: string}} field */
function fill({ name, type, checked, value }) {
  const form = state.form.value;
  set({ form: { ...form, fields: { ...form.fields, [name]: type === "checkbox" ? checked : value } } });
}

/** Closes the form, and ends a publishing in progress: nothing more is sent. */
function cancel() {
  controller?.abort(new Refusal({ id: "publish.cancelled" }));
  controller = null;
  set({ form: null, sending: null, report: null, refusal: null });
}

/** Leaves the page to sign in on the Hub. */
async function leaveToSignIn() {
  const { model, fields } = state.form.value;
  set({ refusal: null });
  await signIn(hub(), { model: model.name, fields: { ...fields, token: "" } }).catch(refuse);
}

/** Publishes the model. The typed token is used once. */
async function send() {
  if (state.sending.value) return;
  const { model, fields } = state.form.value;
  const own = (controller = new AbortController());
  fill({ name: "token", value: "" });
  set({ refusal: null, report: null, published: [], sending: { id: "publish.checks", repo: fields.repo, part: 0 } });
  const { title, license, isPrivate } = fields;
  const [repo, corpus] = [fields.repo.trim(), fields.corpus.trim()];
  const wanted = {
    ...{ token: session.token || fields.token.trim(), repo, space: fields.space ? repo : "", isPrivate },
    ...{ files: model.files, card: { title, corpus, license }, hub: hub() },
    firstWords: () => firstWordsOf(model.name),
  };
  const report = (progress) => controller === own && set({ sending: progress });
  try {
    const { publish: sendAll } = await import("../hub/publish.js");
    const { fault, ...addresses } = await sendAll(wanted, report, own.signal);
    set({ published: Object.values(addresses).filter(Boolean) });
    if (fault) return refuse(new Refusal({ id: "publish.half", values: { reason: fault } }));
    set({ report: { id: "publish.done" }, form: null });
  } catch (error) {
    refuse(error);
  } finally {
    if (controller === own) set({ sending: null });
  }
}

// Shows a refusal or another error. The Hub no longer knows the token of an expired sign-in.
function refuse(error) {
  if (!(error instanceof Refusal)) console.error(error);
  const reason = error instanceof Refusal ? error.reason : { id: "fault.again" };
  if (reason.id === "publish.token") session.token = "";
  set({ refusal: reason });
}

/** Returns the first words of a model's welcome text, for link previews. @param {string} name of the model */
async function firstWordsOf(name) {
  await addModel(name);
  const welcome = findModel(page.site.value, name)?.welcome ?? "";
  return [...welcome.replace(/\s+/g, " ").trim()].slice(0, PREVIEW).join("").trimEnd();
}

/** The form while a model is chosen, how far it is, and what was published. */
export function PublishForm() {
  const { form, sending, report, refusal, published } = state;
  const { id, repo } = sending.value ?? {};
  const fields = form.value && html`<${Fields} key=${form.value.model.name} form=${form.value} />`;
  const link = (address) => html`<li><a href=${address} target="_blank" rel="noopener">${address}</a></li>`;
  return html`
    ${fields}
    <p class="report" role="status">${render(sending.value ? { id, values: { repo } } : report.value)}</p>
    <p class="refusal" role="alert">${render(refusal.value)}</p>
    <ul class="published">${published.value.map(link)}</ul>
  `;
}

/** @param {{form: import("./state.js").Form}} props */
function Fields({ form: { model, fields } }) {
  const first = useRef(/** @type {HTMLInputElement} */ (null));
  useEffect(() => first.current.focus(), []);
  const sending = state.sending.value;
  const [isSignedIn, things] = [session.token !== "", model.privateThings ?? []];
  const submit = (event) => {
    event.preventDefault();
    send();
  };
  const options = LICENSES.map((each) => {
    const shown = each === "unknown" ? t("publish.license_unknown") : each;
    return html`<option value=${each}>${shown}</option>`;
  });
  const text = (name, attributes) =>
    html`<input name=${name} value=${fields[name]} autocomplete="off" spellcheck=${false} ...${attributes} />`;
  const check = (name, label, required = false) =>
    html`<label class="check">
      <input type="checkbox" name=${name} checked=${fields[name]} required=${required} />
      <span>${t(label)}</span>
    </label>`;
  const wide = (label, input, hidden = false) =>
    html`<label class="wide" hidden=${hidden}><span>${t(label)}</span>${input}</label>`;
  const select = html`<select name="license" value=${fields.license}>${options}</select>`;
  return html`<form aria-busy=${Boolean(sending)} onInput=${({ target }) => fill(target)} onSubmit=${submit}>
    <h3 class="heading">${t("publish.heading", { name: shownName(model.name) })}</h3>
    <p class="private-things" hidden=${!things.length}>${t("publish.private_things", { things })}</p>
    <p>${t("publish.warning")}</p>
    ${wide("publish.repo", text("repo", { ref: first, required: true, maxlength: 96 }))}
    ${wide("publish.title", text("title", { required: true, maxlength: 100 }))}
    ${wide("publish.corpus", text("corpus", { maxlength: 200, placeholder: t("publish.corpus_none") }))}
    ${wide("publish.license", select)} ${check("isPrivate", "publish.private")} ${check("space", "publish.space")}
    ${check("may", "publish.may", true)}
    <div class="row sign-in" hidden=${isSignedIn || !canSignIn()}>${button("sign", t("publish.sign_in"), leaveToSignIn)}</div>
    ${wide("publish.token_label", text("token", { type: "password", placeholder: "hf_…" }), isSignedIn || canSignIn())}
    <div class="row">
      <button class="primary send" disabled=${Boolean(sending)}>${t("publish.send")}</button>
      ${button("cancel", t("publish.cancel"), cancel)}
    </div>
    <progress max="1" value=${sending?.part ?? 0} hidden=${!sending} aria-label=${t("publish.progress")}></progress>
  </form>`;
}
