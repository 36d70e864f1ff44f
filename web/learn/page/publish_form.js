// The form that publishes a model on the Hub.

import { render, t } from "../../document/words.js";
import { shownName } from "../../engines/refusal.js";
import { html, useEffect, useRef } from "../../vendor/preact.js";
import { LICENSES } from "../hub/card.js";
import { canSignIn, session } from "../hub/sign_in.js";
import { button } from "./elements.js";
import { cancel, fill, leaveToSignIn, send } from "./publishing.js";
import { state } from "./state.js";

/** The form while a model is chosen, how far it is, and what was published. */
export function PublishForm() {
  const { form, sending, report, refusal, published } = state;
  const { id, repo } = sending.value ?? {};
  const fields = form.value && html`<${Fields} key=${form.value.model.name} form=${form.value} />`;
  const links = published.value.map(
    (address) => html`<li><a href=${address} target="_blank" rel="noopener">${address}</a></li>`,
  );
  return html`
    ${fields}
    <p class="report" role="status">${render(sending.value ? { id, values: { repo } } : report.value)}</p>
    <p class="refusal" role="alert">${render(refusal.value)}</p>
    <ul class="published">
      ${links}
    </ul>
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
    <div class="row sign-in" hidden=${isSignedIn || !canSignIn()}>
      ${button("sign", t("publish.sign_in"), leaveToSignIn)}
    </div>
    ${wide("publish.token_label", text("token", { type: "password", placeholder: "hf_…" }), isSignedIn || canSignIn())}
    <div class="row">
      <button class="primary send" disabled=${Boolean(sending)}>${t("publish.send")}</button>
      ${button("cancel", t("publish.cancel"), cancel)}
    </div>
    <progress max="1" value=${sending?.part ?? 0} hidden=${!sending} aria-label=${t("publish.progress")}></progress>
  </form>`;
}
