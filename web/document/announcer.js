// Announces a growing text to users of screen readers: whole sentences, one after another, at the speed of speech. If the
// text itself were a live region, it would be announced in fragments, whenever some characters arrive.

import { create, setText } from "./dom.js";

const LEAST = 80; // characters of an announcement, which ends with a sentence or a line
const MOST = 200; // characters; an announcement without the end of a sentence ends with a word
const MS_PER_CHARACTER = 60; // of speech

/**
 * Cuts a text into announcements.
 * @param {string} text
 * @param {boolean} isWhole  whether the text is complete: then its rest is an announcement, too
 * @returns {string[]} joined, they are the beginning of the text that can be announced now
 */
function announcements(text, isWhole) {
  const found = [];
  let rest = text;
  for (;;) {
    const end = endOf(rest);
    if (!end) break;
    found.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (isWhole && rest) found.push(rest);
  return found;
}

// Returns the length of the first announcement of a text; 0 while its end has not arrived.
function endOf(text) {
  for (const { index, 0: sign } of text.matchAll(/([.!?…]["'”’)]*(?=\s)|[。！？]|\n)\s*/g)) {
    const end = index + sign.length;
    if (end > MOST) break;
    if (end >= LEAST && end < text.length) return end;
  }
  if (text.length <= MOST) return 0;
  const space = text.lastIndexOf(" ", MOST);
  return space > 0 ? space + 1 : MOST;
}

export class Announcer {
  /** @param {HTMLElement} parent  gets the live region, which is invisible */
  constructor(parent) {
    this.region = create("div", "for-readers announcements", parent);
    this.region.ariaLive = "polite";
    this.key = "";
    this.text = "";
    this.taken = 0; // UTF-16 units of the text that are announced or in the queue
    this.queue = /** @type {string[]} */ ([]);
    this.timer = 0;
    this.lines = /** @type {string[]} */ ([]);
  }

  /**
   * Announces what is new. A text that is complete when it is first shown is not announced.
   * @param {object} shown
   * @param {string} shown.key  of the text; another key ends the announcements of the text before
   * @param {string} shown.text
   * @param {boolean} shown.isWriting
   * @param {string[]} shown.lines  about the text, such as why it ended
   */
  update({ key, text, isWriting, lines }) {
    if (key !== this.key || !text.startsWith(this.text.slice(0, this.taken))) {
      this.taken = isWriting ? keptOf(this.text, text) : text.length;
      this.queue = [];
      this.lines = isWriting ? [] : lines;
    }
    [this.key, this.text] = [key, text];
    for (const piece of announcements(text.slice(this.taken), !isWriting)) {
      this.taken += piece.length;
      this.queue.push(piece);
    }
    for (const line of lines) if (!this.lines.includes(line)) this.queue.push(line);
    this.lines = lines;
    this.#next();
  }

  #next() {
    if (this.timer) return; // the last announcement is being read, also if its text is no longer shown
    this.region.replaceChildren(); // the text itself is in the document, too
    const piece = this.queue.shift()?.trim();
    if (piece === undefined) return;
    if (piece) setText(create("p", "", this.region), piece);
    this.timer = setTimeout(() => ((this.timer = 0), this.#next()), piece.length * MS_PER_CHARACTER);
  }
}

// Returns how many characters of a reply that is rewritten from some character on are those of the old reply.
function keptOf(before, now) {
  let same = 0;
  while (same < now.length && before[same] === now[same]) same++;
  return same >= LEAST ? same : 0;
}
