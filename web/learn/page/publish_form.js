// The form that publishes a model on the Hub. The Hub's library is imported when a visitor publishes.

import { create, find, findAll, setText } from "../../document/dom.js";
import { render, t, translate } from "../../document/words.js";
import { Refusal, shownName } from "../../engines/refusal.js";
import { canSignIn, signIn, signedIn, takeFilledIn } from "../hub/sign_in.js";
import { previewOf } from "./preview.js";

const MARKUP = `
<form hidden>
<h3 class="heading"></h3>
<p class="private-things" hidden></p>
<p data-text="publish.warning"></p>
<label class="wide"><span data-text="publish.repo"></span><input name="repo" required maxlength="96" autocomplete="off" spellcheck="false"></label>
<label class="wide"><span data-text="publish.title"></span><input name="title" required maxlength="100" autocomplete="off"></label>
<label class="wide"><span data-text="publish.corpus"></span><input name="corpus" maxlength="200" autocomplete="off" data-placeholder="publish.corpus_none"></label>
<label class="wide"><span data-text="publish.license"></span><select name="license"></select></label>
<label class="check"><input type="checkbox" name="isPrivate" checked><span data-text="publish.private"></span></label>
<label class="check"><input type="checkbox" name="space"><span data-text="publish.space"></span></label>
<label class="check"><input type="checkbox" name="may" required><span data-text="publish.may"></span></label>
<div class="row sign-in" hidden><button type="button" class="sign" data-text="publish.sign_in"></button></div>
<label class="wide token"><span data-text="publish.token_label"></span><input name="token" type="password" autocomplete="off" spellcheck="false" placeholder="hf_…"></label>
<div class="row">
<button class="primary send" data-text="publish.send"></button>
<button type="button" class="cancel" data-text="publish.cancel"></button>
</div>
<progress max="1" value="0" hidden data-label="publish.progress"></progress>
</form>
<p class="report" role="status"></p>
<p class="refusal" role="alert"></p>
<ul class="published"></ul>`;

/**
 * @import { Message } from "../../engines/engine.js"
 * @typedef {object} LocalModel
 * @property {string} name local/NAME
 * @property {Record<string, Uint8Array>} files
 * @property {Message[]} [privateThings] what looks private in the text that it was trained on
 */

/** The form, which is hidden until the visitor chooses a model to publish. */
export class PublishForm {
  #model = /** @type {LocalModel | null} */ (null); // to be published
  #message = /** @type {Message | null} */ (null);
  #fault = /** @type {Message | null} */ (null);
  #isSending = false;

  /**
   * @param {HTMLElement} root
   * @param {{home: string, hub: string}} place the folder of the page, and the Hub
   * @param {import("../../page/main.js").Page} page
   */
  constructor(root, place, page) {
    this.root = root;
    this.place = place;
    this.page = page;
    root.innerHTML = MARKUP;
    this.form = find(root, "form", HTMLFormElement);
    find(root, ".cancel").addEventListener("click", () => this.#close());
    find(root, ".sign").addEventListener("click", () => this.#attempt(() => this.#leaveToSignIn()));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#isSending) this.#attempt(() => this.#publish());
    });
    translate(root);
  }

  /**
   * Opens the form for a model.
   * @param {LocalModel} model
   */
  async open(model) {
    const { LICENSES, configOf } = await import("../hub/card.js");
    this.#model = model;
    const { training } = configOf(/** @type {any} */ (model.files));
    const slug = model.name.split("/").pop();
    const fields = {
      repo: slug
        .normalize("NFKD")
        .replace(/[^\w.-]+/g, "-")
        .replace(/^\W+|\W+$/g, ""),
      title: slug,
      corpus: "",
    };
    for (const [name, value] of Object.entries(fields)) this.#field(name).value = value;
    const select = this.#field("license");
    select.replaceChildren(...LICENSES.map((license) => new Option(license, license)));
    select.value = LICENSES.includes(training?.license) ? training.license : LICENSES[0];
    const { token, fault } = signedIn();
    find(this.root, ".token").hidden = Boolean(token) || canSignIn();
    find(this.root, ".sign-in").hidden = Boolean(token) || !canSignIn();
    this.form.hidden = false;
    this.#report(null);
    this.#complain(fault);
    this.#translate();
    this.#field("repo").focus();
  }

  /**
   * Opens the form again after the visitor has signed in, with the model and the values that it had before.
   * @param {(name: string) => Promise<LocalModel | null>} load
   */
  async resume(load) {
    const filled = takeFilledIn();
    const model = filled && (await load(filled.model));
    if (!model) return;
    await this.open(model);
    for (const [name, value] of Object.entries(filled.fields)) {
      const field = this.#field(name);
      if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = Boolean(value);
      else field.value = String(value);
    }
    this.root.scrollIntoView();
  }

  /** @returns {any} */
  #field(name) {
    return this.form.elements.namedItem(name);
  }

  #close() {
    this.form.hidden = true;
    this.#complain(null);
  }

  // Runs an action of the visitor, and shows a refusal or another error.
  async #attempt(act) {
    this.#complain(null);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      this.#report(null);
      this.#complain(error instanceof Refusal ? error.reason : { id: "fault.again" });
    }
  }

  #filledIn() {
    const names = ["repo", "title", "corpus", "license", "isPrivate", "space", "may"];
    return Object.fromEntries(
      names.map((name) => {
        const field = this.#field(name);
        return [name, field.type === "checkbox" ? field.checked : field.value];
      }),
    );
  }

  async #leaveToSignIn() {
    await signIn(this.place.hub, { model: this.#model.name, fields: this.#filledIn() });
  }

  async #publish() {
    const { publish } = await import("../hub/publish.js");
    const { repo, title, corpus, license, isPrivate, space } = this.#filledIn();
    const { hub, home } = this.place;
    const files = /** @type {any} */ (this.#model.files);
    const token = signedIn().token || this.#field("token").value.trim();
    const names = { repo: repo.trim(), space: space ? repo.trim() : "" };
    const preview = () => previewOf(this.page, this.#model.name, title);
    this.#setSending(true);
    try {
      const card = { title, corpus: corpus.trim(), license };
      const done = await publish({ token, ...names, files, card, isPrivate, hub, home, preview }, (progress) => {
        find(this.root, "progress", HTMLProgressElement).value = progress.part;
        this.#report({ id: progress.id, values: { repo: progress.repo } });
      });
      this.#close();
      this.#report({ id: "publish.done" });
      this.#showPublished(done);
    } finally {
      this.#setSending(false);
    }
  }

  #setSending(isSending) {
    this.#isSending = isSending;
    find(this.root, "progress").hidden = !isSending;
    find(this.root, ".send", HTMLButtonElement).disabled = isSending;
    this.form.ariaBusy = String(isSending);
  }

  #showPublished({ model, space }) {
    const list = find(this.root, ".published");
    list.replaceChildren();
    for (const address of [model, space].filter(Boolean)) {
      const link = create("a", "", create("li", "", list));
      Object.assign(link, { href: address, target: "_blank", rel: "noopener", textContent: address });
    }
  }

  #report(message) {
    this.#message = message;
    setText(find(this.root, ".report"), render(message));
  }

  #complain(message) {
    this.#fault = message;
    setText(find(this.root, ".refusal"), render(message));
  }

  #translate() {
    translate(this.root);
    this.#report(this.#message);
    this.#complain(this.#fault);
    if (!this.#model) return;
    setText(find(this.root, ".heading"), t("publish.heading", { name: shownName(this.#model.name) }));
    const things = this.#model.privateThings ?? [];
    const warning = find(this.root, ".private-things");
    warning.hidden = !things.length;
    setText(warning, things.length ? t("publish.private_things", { things }) : "");
    for (const option of findAll(this.root, "option", HTMLOptionElement)) {
      setText(option, option.value === "unknown" ? t("publish.license_unknown") : option.value);
    }
  }
}
