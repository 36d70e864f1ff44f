// Download, open and publish a model: buttons, and the form that publishes. What the Hub and its library need is imported
// when a visitor opens the form.

import { create, find, findAll, setText } from "../../document/dom.js";
import { onLanguage, render, t, translate } from "../../document/words.js";
import { Refusal } from "../../engines/engine.js";
import { filesOf, zipOf } from "../archive.js";

const FREE_MS = 60_000; // after which the address of a download is given up

const MARKUP = `
<div class="row">
<button type="button" class="download" data-text="files.download" hidden></button>
<button type="button" class="open" data-text="files.open" hidden></button>
<button type="button" class="publish" data-text="publish.open" aria-expanded="false" hidden></button>
<input type="file" multiple hidden>
</div>
<form class="publishing" hidden>
<h3 class="heading"></h3>
<p class="private" hidden></p>
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
<div class="row"><button class="primary send" data-text="publish.send"></button></div>
<progress max="1" value="0" hidden data-label="publish.progress"></progress>
</form>
<p class="said" role="status"></p>
<p class="fault" role="alert"></p>
<ul class="published"></ul>`;

/**
 * @import { Message } from "../../engines/engine.js"
 * @typedef {object} LocalModel
 * @property {string} name of the model, or of its file
 * @property {Record<string, Uint8Array>} files
 * @property {Message[]} [privateThings] what looks private in the text that it was trained on
 *
 * @typedef {object} Options
 * @property {() => Promise<LocalModel | null>} [getFiles] returns the model that Download and Publish are about
 * @property {(model: LocalModel) => Promise<void>} [onModel] is given a model that the visitor has opened, and checked
 * @property {string} hub its address
 * @property {string} home the address of the folder of the page
 */

/**
 * Shows the buttons in an element.
 * @param {HTMLElement} root
 * @param {Options} options without `getFiles` there are no buttons for one model, without `onModel` none to open one
 * @returns {{publish: (model: LocalModel) => Promise<void>, resume: (load: (name: string) => Promise<LocalModel | null>) => Promise<void>}}
 *   opens the form for a model; opens it again after the visitor has signed in
 */
export function mountFiles(root, options) {
  const panel = new FilesPanel(root, options);
  return { publish: (model) => panel.openForm(model), resume: (load) => panel.resume(load) };
}

/**
 * Lets the browser download a model as a .zip.
 * @param {LocalModel} model
 */
export function downloadModel({ name, files }) {
  const slug = name.split("/").pop().replace(/[^\p{L}\p{N}._-]+/gu, "-") || "model";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(zipOf(files, slug));
  link.download = `${slug}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), FREE_MS);
}

class FilesPanel {
  #model = /** @type {LocalModel | null} */ (null); // that the form is about
  #said = /** @type {Message | null} */ (null);
  #fault = /** @type {Message | null} */ (null);
  #isSending = false;

  /**
   * @param {HTMLElement} root
   * @param {Options} options
   */
  constructor(root, options) {
    this.root = root;
    this.options = options;
    root.classList.add("model-files");
    root.innerHTML = MARKUP;
    this.form = find(root, "form", HTMLFormElement);
    const input = find(root, "input[type=file]", HTMLInputElement);
    this.#button("download", options.getFiles, () => this.#withModel(downloadModel));
    this.#button("open", options.onModel, () => input.click());
    this.#button("publish", options.getFiles, () => (this.form.hidden ? this.#withModel((model) => this.openForm(model)) : this.#closeForm()));
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // so that the same file can be chosen again
      if (files.length) this.#attempt(() => this.#open(files));
    });
    find(root, ".sign").addEventListener("click", () => this.#attempt(() => this.#leaveToSignIn()));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.#isSending) this.#attempt(() => this.#publish());
    });
    translate(root);
    onLanguage(() => this.#translate());
  }

  /**
   * Opens the form for a model.
   * @param {LocalModel} model
   */
  async openForm(model) {
    const { LICENSES, configOf } = await import("../hub/card.js");
    const { canSignIn, signedIn } = await import("../hub/sign_in.js");
    this.#model = model;
    const { training } = configOf(/** @type {any} */ (model.files));
    const slug = model.name.split("/").pop();
    const fields = { repo: slug.normalize("NFKD").replace(/[^\w.-]+/g, "-").replace(/^\W+|\W+$/g, ""), title: slug, corpus: "" };
    for (const [name, value] of Object.entries(fields)) this.#field(name).value = value;
    const select = this.#field("license");
    select.replaceChildren(...LICENSES.map((license) => new Option(license, license)));
    select.value = LICENSES.includes(training?.license) ? training.license : LICENSES[0];
    const { token, fault } = signedIn();
    find(this.root, ".token").hidden = Boolean(token) || canSignIn();
    find(this.root, ".sign-in").hidden = Boolean(token) || !canSignIn();
    this.form.hidden = false;
    find(this.root, "button.publish").setAttribute("aria-expanded", "true");
    this.#say(null);
    this.#complain(fault);
    this.#translate();
    this.#field("repo").focus();
  }

  /**
   * Opens the form again for the model that it was about before the visitor left to sign in, with what was filled in.
   * @param {(name: string) => Promise<LocalModel | null>} load
   */
  async resume(load) {
    const { takeFilledIn } = await import("../hub/sign_in.js");
    const filled = takeFilledIn();
    const model = filled && (await load(filled.model));
    if (!model) return;
    await this.openForm(model);
    for (const [name, value] of Object.entries(filled.fields)) {
      const field = this.#field(name);
      if (field instanceof HTMLInputElement && field.type === "checkbox") field.checked = Boolean(value);
      else field.value = String(value);
    }
    this.root.scrollIntoView();
  }

  #button(name, isPossible, act) {
    const button = find(this.root, `button.${name}`);
    button.hidden = !isPossible;
    button.addEventListener("click", () => this.#attempt(act));
  }

  /** @returns {any} */
  #field(name) {
    return this.form.elements.namedItem(name);
  }

  #closeForm() {
    this.form.hidden = true;
    find(this.root, "button.publish").setAttribute("aria-expanded", "false");
  }

  // Does what a visitor asked for; shows a refusal, and what else goes wrong.
  async #attempt(act) {
    this.#complain(null);
    try {
      await act();
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      this.#say(null);
      this.#complain(error instanceof Refusal ? error.reason : { id: "fault.again" });
    }
  }

  async #withModel(act) {
    const model = await this.options.getFiles();
    if (model) await act(model);
  }

  async #open(chosen) {
    const files = await filesOf(chosen.length === 1 ? chosen[0] : chosen);
    const name = chosen.length === 1 ? chosen[0].name.replace(/\.zip$/i, "") : "model";
    await this.options.onModel({ name, files });
  }

  #filledIn() {
    const names = ["repo", "title", "corpus", "license", "isPrivate", "space", "may"];
    return Object.fromEntries(names.map((name) => {
      const field = this.#field(name);
      return [name, field.type === "checkbox" ? field.checked : field.value];
    }));
  }

  async #leaveToSignIn() {
    const { signIn } = await import("../hub/sign_in.js");
    await signIn(this.options.hub, { model: this.#model.name, fields: this.#filledIn() });
  }

  async #publish() {
    const { signedIn } = await import("../hub/sign_in.js");
    const { publish } = await import("../hub/publish.js");
    const { repo, title, corpus, license, isPrivate, space } = this.#filledIn();
    const { hub, home } = this.options;
    const files = /** @type {any} */ (this.#model.files);
    const token = signedIn().token || this.#field("token").value.trim();
    const names = { repo: repo.trim(), space: space ? repo.trim() : "" };
    this.#setSending(true);
    try {
      const card = { title, corpus: corpus.trim(), license };
      const done = await publish({ token, ...names, files, card, isPrivate, hub, home }, (progress) => {
        find(this.root, "progress", HTMLProgressElement).value = progress.part;
        this.#say({ id: progress.id, values: { repo: progress.repo } });
      });
      this.#closeForm();
      this.#say({ id: "publish.done" });
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

  #say(message) {
    this.#said = message;
    setText(find(this.root, ".said"), render(message));
  }

  #complain(message) {
    this.#fault = message;
    setText(find(this.root, ".fault"), render(message));
  }

  #translate() {
    translate(this.root);
    this.#say(this.#said);
    this.#complain(this.#fault);
    if (!this.#model) return;
    setText(find(this.root, ".heading"), t("publish.heading", { name: this.#model.name }));
    const things = this.#model.privateThings ?? [];
    const warning = find(this.root, ".private");
    warning.hidden = !things.length;
    setText(warning, things.length ? t("publish.private_things", { things }) : "");
    for (const option of findAll(this.root, "option", HTMLOptionElement)) {
      setText(option, option.value === "unknown" ? t("publish.license_unknown") : option.value);
    }
  }
}
