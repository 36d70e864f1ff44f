// Continue from a character: which one is chosen, in the text or under a lens, and the two ways to write on from there.

import { count, pathTo, replyText } from "../conversation/log.js";
import { find, visibleCharacter } from "../document/dom.js";

const AROUND = 12; // characters of what stays that are shown

export class Rewind {
  /**
   * @param {HTMLElement} pane  of the first side
   * @param {object} page
   * @param {() => import("../conversation/log.js").Log} page.log
   * @param {() => boolean} page.busy
   * @param {() => import("../lenses/lens.js").Lenses} page.lens
   * @param {(id: number, keep: number, change: {newSeed: boolean}) => void} page.continueFrom
   */
  constructor(pane, page) {
    this.box = find(pane, ".rewind");
    this.element = find(pane, ".log");
    this.page = page;
    /** @type {?{id: number, keep: number}} a turn, and how many characters of its reply stay */
    this.place = null;
    for (const name of ["same", "different"]) {
      find(this.box, `.${name}`).addEventListener("click", () => {
        const { place } = this;
        this.choose(null);
        if (place) page.continueFrom(place.id, place.keep, { newSeed: name === "different" });
      });
    }
    this.element.addEventListener("click", (event) => this.#click(event));
  }

  /**
   * Offers to continue after some characters of a turn's reply; null hides the offer.
   * @param {?{id: number, keep: number}} place
   */
  choose(place) {
    this.place = place && place.keep > 0 ? place : null;
    this.update();
  }

  update() {
    const { id, keep } = this.place ?? { id: 0, keep: 0 };
    const turn = pathTo(this.page.log()).find((each) => each.id === id);
    const characters = turn ? [...replyText(turn.replies[0])] : [];
    this.box.hidden = !turn || this.page.busy() || keep >= characters.length;
    if (this.box.hidden) return;
    const kept = characters.slice(Math.max(0, keep - AROUND), keep).map((character) => (character === " " ? character : visibleCharacter(character)));
    find(this.box, "b").textContent = (keep > AROUND ? "…" : "") + kept.join("");
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const target = /** @type {Element} */ (event.target);
    const article = target.closest("article");
    const reply = target.closest(".reply");
    if (!article || !reply || this.page.lens().name !== "plain") return;
    if (!getSelection()?.isCollapsed) return; // someone who selects wants to copy
    this.choose({ id: Number(article.dataset.turn), keep: charactersBefore(event, reply) });
  }
}

/**
 * The number of characters of a reply up to the place of a click.
 * @param {MouseEvent} event
 * @param {Element} reply
 */
function charactersBefore({ clientX, clientY }, reply) {
  const position = document.caretPositionFromPoint?.(clientX, clientY);
  const range = position ? null : document.caretRangeFromPoint?.(clientX, clientY);
  const node = position?.offsetNode ?? range?.startContainer;
  if (!node || !reply.contains(node)) return 0;
  const before = document.createRange();
  before.setStart(reply, 0);
  before.setEnd(node, position?.offset ?? range?.startOffset ?? 0);
  return count(before.toString());
}
