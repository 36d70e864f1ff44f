// The actions of publishing a model on the Hub. The Hub's library is imported when a visitor does that.

import { findModel } from "../../conversation/models.js";
import { Refusal } from "../../engines/refusal.js";
import { addModel } from "../../state/actions.js";
import * as page from "../../state/state.js";
import { LICENSES, configOf } from "../hub/card.js";
import { session, signIn } from "../hub/sign_in.js";
import { loadModel } from "../../worker/stored_training.js";
import { hub, set, state } from "./state.js";

const PREVIEW = 200; // characters of the first words for link previews: chats show fewer

let controller = /** @type {AbortController | null} */ (null); // of the publishing in progress

/** Opens the form for a stored model. @param {string} name @param {Partial<import("./state.js").Fields>} [filledIn] */
export async function openForm(name, filledIn = {}) {
  const model = /** @type {any} */ (await loadModel(name));
  if (!model) return;
  const title = name.split("/").pop();
  const repo = title
    .normalize("NFKD")
    .replace(/[^\w.-]+/g, "-")
    .replace(/^\W+|\W+$/g, "");
  const { license } = configOf(model.files).training ?? {};
  const fields = { repo, title, corpus: "", license: LICENSES.includes(license) ? license : LICENSES[0] };
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

/** Notes what the visitor fills in. @param {HTMLInputElement} field */
export function fill({ name, type, checked, value }) {
  setField(name, type === "checkbox" ? checked : value);
}

function setField(name, value) {
  const form = state.form.value;
  set({ form: { ...form, fields: { ...form.fields, [name]: value } } });
}

/** Closes the form, and ends a publishing in progress: nothing more is sent. */
export function cancel() {
  controller?.abort(new Refusal({ id: "publish.cancelled" }));
  controller = null;
  set({ form: null, sending: null, report: null, refusal: null });
}

/** Leaves the page to sign in on the Hub. */
export async function leaveToSignIn() {
  const { model, fields } = state.form.value;
  set({ refusal: null });
  await signIn(hub(), { model: model.name, fields: { ...fields, token: "" } }).catch(refuse);
}

/** Publishes the model. The typed token is used once. */
export async function send() {
  if (state.sending.value) return;
  const { model, fields } = state.form.value;
  const own = (controller = new AbortController());
  setField("token", "");
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
