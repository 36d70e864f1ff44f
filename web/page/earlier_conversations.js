// The list of earlier conversations in this browser: search, open, delete, and undo the last deletion.

import { addButton, create, find, isOutdated, setText } from "../document/dom.js";
import { language, t } from "../document/words.js";

const SHOWN = 50;
const EXCERPT = 80; // characters

/** @typedef {{id: string, changed: number, text: string}} Conversation */

export class History {
  /**
   * @param {HTMLDetailsElement} box
   * @param {import("../conversation/stored_conversations.js").Storage} storage
   * @param {{id: () => string, open: (id: string) => void, removed: (id: string) => void}} page
   */
  constructor(box, storage, page) {
    this.box = box;
    this.storage = storage;
    this.page = page;
    /** @type {(Conversation & {removed: ?string}) | null} the one that was deleted last, until the list is closed or another one is opened or deleted */
    this.deleted = null;
    this.search = find(box, "input", HTMLInputElement);
    this.list = find(box, "ul");
    this.search.addEventListener("input", () => this.update());
    box.addEventListener("toggle", () => {
      if (!box.open) this.deleted = null;
      this.update();
    });
  }

  /** Shows the list if it is open; hides all of it while there is no earlier conversation. */
  update() {
    this.box.hidden = !this.storage.hasOthers(this.page.id()) && !this.deleted;
    if (this.box.hidden || !this.box.open) return;
    const all = this.storage.list().filter(({ id }) => id !== this.page.id()); // reads all of them
    if (this.deleted) all.push(this.deleted);
    const wanted = this.search.value.trim().toLowerCase();
    const found = all
      .filter(({ text }) => text.toLowerCase().includes(wanted))
      .sort((one, other) => other.changed - one.changed)
      .slice(0, SHOWN);
    if (
      isOutdated(this.list, [
        found.map(({ id, changed }) => [id, changed]),
        this.deleted?.id,
        wanted,
        t("history.title"),
      ])
    )
      this.#draw(found, wanted);
    const { deleted } = this;
    const status = find(this.box, ".none");
    status.classList.toggle("for-readers", deleted !== null); // its row says the same
    setText(
      status,
      deleted ? t("history.deleted", { text: excerptOf(deleted.text, "") }) : found.length ? "" : t("history.none"),
    );
  }

  /** Says where a conversation is kept that was left; the name of the list opens it. @param {HTMLElement} element */
  sayKept(element) {
    const [before, after] = t("history.kept", { title: "\n" }).split("\n");
    element.replaceChildren(before);
    addButton(element, "", t("history.title"), () => {
      this.box.open = true;
      this.box.scrollIntoView({ block: "nearest" });
      find(this.box, "summary").focus({ preventScroll: true });
    });
    element.append(after);
  }

  /** Draws the list; the focus stays at its place. @param {Conversation[]} found @param {string} wanted */
  #draw(found, wanted) {
    const place = [...this.list.children].findIndex((entry) => entry.contains(document.activeElement));
    this.list.replaceChildren(
      ...found.map((each) => (each === this.deleted ? this.#deletedEntry(each) : this.#entry(each, wanted))),
    );
    if (place < 0) return;
    const entry = this.list.children[Math.min(place, found.length - 1)];
    (entry ? find(entry, "button") : this.search).focus();
  }

  /** @param {Conversation} conversation @param {string} wanted */
  #entry(conversation, wanted) {
    const { id, changed, text } = conversation;
    const entry = create("li");
    const open = addButton(entry, "open", "", () => {
      this.deleted = null;
      this.page.open(id);
    });
    const excerpt = excerptOf(text, wanted);
    create("span", "", open).textContent = excerpt || t("branches.empty");
    open.title = t("history.open", { text: excerpt });
    const date = new Date(changed).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
    create("small", "", open).textContent = date;
    const remove = addButton(entry, "delete", "✕", () => {
      this.deleted = { ...conversation, removed: this.storage.remove(id) };
      this.page.removed(id);
      this.update();
    });
    remove.ariaLabel = t("history.delete", { text: excerpt.slice(0, 30) });
    return entry;
  }

  /** The row of the deleted conversation, which offers to restore it. @param {Conversation} conversation */
  #deletedEntry({ id, text }) {
    const entry = create("li", "deleted");
    create("span", "", entry).textContent = t("history.deleted", { text: excerptOf(text, "") });
    addButton(entry, "undo", t("move.undo"), () => {
      if (this.storage.restore(id, this.deleted?.removed ?? null)) this.deleted = null;
      this.update();
    });
    return entry;
  }
}

/** The first characters of a conversation, or those around what is searched for. @param {string} text @param {string} wanted */
function excerptOf(text, wanted) {
  const at = Math.max(0, wanted ? text.toLowerCase().indexOf(wanted) - 20 : 0);
  const excerpt = [...text.slice(at)].slice(0, EXCERPT).join("").replace(/\s+/g, " ");
  return (at ? "…" : "") + excerpt;
}
