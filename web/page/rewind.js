// Continue from a character: which one is chosen, in the text or under a lens, and the two ways to write on from there.

import { count, pathTo, replyText } from "../conversation/log.js";

const AROUND = 12; // characters of what stays that are shown

export class Rewind {
  /**
   * @param {Element} pane  of the first side
   * @param {object} page
   * @param {() => import("../conversation/log.js").Log} page.log
   * @param {() => boolean} page.busy
   * @param {() => any} page.lens
   * @param {(id: number, keep: number, change: {newSeed: boolean}) => void} page.continueFrom
   */
  constructor(pane, page) {
    this.box = pane.querySelector(".rewind");
    this.element = pane.querySelector(".log");
    this.page = page;
    this.place = null; // {id, keep}: a turn, and how many characters of its reply stay
    for (const [name, newSeed] of [["same", false], ["different", true]]) {
      this.box.querySelector(`.${name}`).addEventListener("click", () => {
        const { id, keep } = this.place;
        this.choose(null);
        page.continueFrom(id, keep, { newSeed });
      });
    }
    this.element.addEventListener("click", (event) => this.#click(event));
  }

  /** Offers to continue after some characters of a turn's reply; null hides the offer. */
  choose(place) {
    this.place = place && place.keep > 0 ? place : null;
    this.update();
  }

  update() {
    const turn = this.place && pathTo(this.page.log()).find((each) => each.id === this.place.id);
    const characters = turn ? [...replyText(turn.replies[0])] : [];
    this.box.hidden = !turn || this.page.busy() || this.place.keep >= characters.length;
    if (this.box.hidden) return;
    const { keep } = this.place;
    const kept = characters.slice(Math.max(0, keep - AROUND), keep).map((character) => ({ "\n": "⏎", "\t": "⇥" })[character] || character);
    this.box.querySelector("b").textContent = (keep > AROUND ? "…" : "") + kept.join("");
  }

  #click(event) {
    const article = event.target.closest("article[data-turn]");
    const reply = article?.querySelector(".reply");
    if (!reply?.contains(event.target) || this.page.lens().name !== "plain") return;
    if (!getSelection().isCollapsed) return; // someone who selects wants to copy
    this.choose({ id: Number(article.dataset.turn), keep: charactersBefore(event, reply) });
  }
}

// The number of characters of a reply up to the place of a click.
function charactersBefore({ clientX, clientY }, reply) {
  const caret = document.caretPositionFromPoint ? document.caretPositionFromPoint(clientX, clientY) : document.caretRangeFromPoint(clientX, clientY);
  const [node, offset] = caret ? [caret.offsetNode || caret.startContainer, caret.offset ?? caret.startOffset] : [];
  if (!node || !reply.contains(node)) return 0;
  const before = document.createRange();
  before.setStart(reply, 0);
  before.setEnd(node, offset);
  return count(before.toString());
}
