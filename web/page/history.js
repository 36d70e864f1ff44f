// The list of earlier conversations in this browser: search, open, delete.

import { addButton, create, find, setText } from "../document/dom.js";
import { language, t } from "../document/words.js";

const SHOWN = 50;
const EXCERPT = 80; // characters

export class History {
  /**
   * @param {HTMLDetailsElement} box
   * @param {import("../conversation/storage.js").Storage} storage
   * @param {{id: () => string, open: (id: string) => void, removed: (id: string) => void}} page
   */
  constructor(box, storage, page) {
    this.box = box;
    this.storage = storage;
    this.page = page;
    this.search = find(box, "input", HTMLInputElement);
    this.list = find(box, "ul");
    this.search.addEventListener("input", () => this.update());
    box.addEventListener("toggle", () => this.update());
  }

  /** Shows the list if it is open; hides all of it while there is no earlier conversation. */
  update() {
    this.box.hidden = !this.storage.hasOthers(this.page.id());
    if (this.box.hidden || !this.box.open) return;
    const all = this.storage.list().filter(({ id }) => id !== this.page.id()); // reads all of them
    const wanted = this.search.value.trim().toLowerCase();
    const found = all.filter(({ text }) => text.toLowerCase().includes(wanted)).slice(0, SHOWN);
    this.list.replaceChildren(...found.map((each) => this.#entry(each, wanted)));
    setText(find(this.box, ".none"), found.length ? "" : t("history.none"));
  }

  /**
   * @param {{id: string, changed: number, text: string}} conversation
   * @param {string} wanted
   */
  #entry({ id, changed, text }, wanted) {
    const entry = create("li");
    const open = addButton(entry, "open", "", () => this.page.open(id));
    const at = Math.max(0, wanted ? text.toLowerCase().indexOf(wanted) - 20 : 0);
    const excerpt = [...text.slice(at)].slice(0, EXCERPT).join("").replace(/\s+/g, " ");
    create("span", "", open).textContent = (at ? "…" : "") + (excerpt || t("branches.empty"));
    open.title = t("history.open", { text: excerpt });
    const date = new Date(changed).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
    create("small", "", open).textContent = date;
    const remove = addButton(entry, "delete", "✕", () => {
      this.storage.remove(id);
      this.page.removed(id);
      this.update();
    });
    remove.ariaLabel = t("history.delete", { text: excerpt.slice(0, 30) });
    return entry;
  }
}
