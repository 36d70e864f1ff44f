// A text that the engine reads again for the lenses: its characters, and the values of each that were answered so far.

import { firstChange, randomId } from "../../engines/engine.js";

const ATTEMPTS = 3; // the second one sends the whole text; a third because a server may restart in between

/**
 * @import { ReadTurn } from "../../conversation/log.js"
 * @import { ReadText, TextEngine, TraceAnswer, TraceQuestion } from "../../engines/engine.js"
 * @typedef {ReadText & {share: number | null, turns: ReadTurn[]}} Path
 */

export class TracedText {
  /** @param {Pick<TextEngine, "trace">} engine */
  constructor(engine) {
    this.engine = engine;
    this.version = 0; // changes whenever values are removed
    this.queue = /** @type {Promise<unknown>} */ (Promise.resolve());
    this.#restart("", null);
  }

  /** @param {string} identity @param {?Path} path */
  #restart(identity, path) {
    this.identity = identity;
    this.id = randomId();
    this.server = "";
    this.path = path;
    this.text = "";
    this.chars = /** @type {string[]} */ ([]); // code points
    this.sent = 0; // characters that the engine has
    this.unchanged = Infinity; // characters that have not changed since the last question was sent
    this.known = /** @type {Map<string, (number | null)[]>} */ (new Map());
    this.version++;
  }

  /**
   * Replaces the text.
   * @param {?Path} path
   * @returns {{text: number, values: number}} the positions from which on the characters, and their values, have changed;
   *   Infinity if none has
   */
  set(path) {
    const identity = path ? JSON.stringify([path.model, path.second, path.share, path.start]) : "";
    if (identity !== this.identity) {
      this.#restart(identity, path);
      this.#replaceText(path?.text ?? "");
      return { text: 0, values: 0 };
    }
    if (!path) return { text: Infinity, values: Infinity };
    const text = this.#replaceText(path.text);
    // Clamps change the cells from the step on that reads the character at their position.
    const values = Math.min(text, Math.max(0, firstChange(this.path.clamps, path.clamps)));
    this.path = path;
    if (values < Infinity) {
      for (const list of this.known.values()) list.length = Math.min(list.length, values);
      this.version++;
    }
    return { text, values };
  }

  // Returns the position of the first character that has changed; Infinity if the text has only grown.
  #replaceText(text) {
    const before = this.text;
    this.text = text;
    let [same, units] = [this.chars.length, before.length];
    const hasGrown = text.startsWith(before);
    if (!hasGrown) {
      for (same = units = 0; same < this.chars.length && text.startsWith(this.chars[same], units);)
        units += this.chars[same++].length;
      this.chars.length = same;
      this.sent = Math.min(this.sent, same);
      this.unchanged = Math.min(this.unchanged, same);
    }
    for (const character of text.slice(units)) this.chars.push(character);
    return hasGrown ? Infinity : same;
  }

  /** Returns the values of the first characters that are known so far. @param {string} key of a lens */
  values(key) {
    if (!this.known.has(key)) this.known.set(key, []);
    return this.known.get(key);
  }

  /**
   * Sends a question about this text to the engine, after the answer to the one before: each changes the engine's text.
   * @param {TraceQuestion} question
   */
  ask(question) {
    const answer = this.queue.then(() => this.#send(question));
    this.queue = answer.catch(() => {});
    return answer;
  }

  /** @param {TraceQuestion} question @returns {Promise<TraceAnswer>} */
  async #send(question) {
    const trace = this.id;
    for (let attempt = 0; attempt < ATTEMPTS && trace === this.id && this.path; attempt++) {
      const { length } = this.chars;
      const tail = { at: this.sent, text: this.chars.slice(this.sent).join("") };
      const { model, second, start, share, clamps } = this.path;
      const query = { trace, server: this.server, model, second, start, share, length, tail, clamps, ...question };
      this.unchanged = Infinity;
      const answer = await this.engine.trace(query);
      if (trace !== this.id) break;
      this.server = answer.server || this.server;
      if (answer.refusal) return answer;
      this.sent = answer.unknown ? 0 : Math.min(length, this.unchanged);
      if (!answer.unknown) return answer;
    }
    return { refusal: { id: "fault.forgotten" } };
  }
}
