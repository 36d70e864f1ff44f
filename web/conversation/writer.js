// Makes the model write: each move of a visitor becomes a turn of the log and a request to the text engine.
//
// A move begins at once and throws a Refusal, or resolves when all that it wrote is complete. Two models side by side get the
// same prompts, settings and seeds; the second one follows every move of the first. A refusal of the second alone ends no
// move: the page is told of it.

import { Refusal } from "../engines/engine.js";
import { LIMITS, SETTINGS } from "../settings.js";
import { MAX_TEXT, addTurn, count, isOver, joinParts, lastPart, lastTurn, partsUpTo, pathTo, randomId, readText, remembered, replyText, sameModel, sameModels, turnOf } from "./log.js";
import { authorOf, refOf, refsOf } from "./models.js";
import { newReply, takenOver } from "./replies.js";
import { tabId } from "./storage.js";

const MAX_FREE = 2000; // characters of a reply without its clamps; two texts differ long before

/**
 * @typedef {import("./log.js").Turn} Turn
 * @typedef {import("./log.js").Reply} Reply
 * @typedef {import("./log.js").Part} Part
 * @typedef {import("./models.js").Author} Author
 *
 * @typedef {object} Options  how a reply is written
 * @property {Object<string, number>} settings  with a seed; `share` for a blend
 * @property {boolean} seed_given  whether the visitor chose the seed
 * @property {?number} speed  characters per second; null is full speed
 * @property {Author} author
 * @property {?Author} beside  a second model side by side
 */

export class Writer {
  /**
   * @param {import("../engines/engine.js").TextEngine} engine
   * @param {object} page
   * @param {() => import("./log.js").Log} page.log
   * @param {() => void} page.changed  called after every change of the log
   * @param {(side: number, messages: object[]) => void} page.status
   * @param {(messages: object[]) => void} page.activity
   * @param {(error: Error) => void} page.secondRefused  called when nothing is written by the second model
   * @param {(name: string) => ?import("../engines/engine.js").Model} page.model  the model that is served under a name now
   */
  constructor(engine, page) {
    this.engine = engine;
    this.page = page;
    this.running = new Map(); // side → {turn, reply, part, speed, controller, next}
  }

  get busy() {
    return this.running.size > 0;
  }

  /** Begins a new turn at the end of the conversation. */
  send(prompt, options, { shared = false } = {}) {
    if (count(prompt) > LIMITS.prompt) {
      throw new Refusal({ id: "refusal.characters", values: { field: { id: "setting.prompt" }, length: count(prompt), most: LIMITS.prompt } });
    }
    const { here } = this.page.log();
    const replies = this.#replies(here, prompt, options);
    return this.#begin({ parent: here, prompt, shared, replies }, options, { draw_offset: 0 });
  }

  /** Writes the last turn again, with another seed or other settings. */
  retry(options) {
    const last = this.#last();
    const replies = this.#replies(last.parent, last.prompt, options);
    const [first] = last.replies[0].parts;
    const { length: _, ...before } = first?.settings || {};
    const alike = Object.entries(before).every(([name, value]) => options.settings[name] === value);
    const same = first && last.replies[0].parts.length === 1 && alike && sameModels(last.replies[0], replies[0]);
    if (options.seed_given && same && !first.cells.length && !this.cellsFor(options.author).length && options.settings.length === first.settings.length) {
      throw new Refusal({ id: "refusal.same_again" });
    }
    return this.#begin({ parent: last.parent, replaced: last.id, prompt: last.prompt, shared: last.shared, replies }, options, { draw_offset: 0 });
  }

  /** Writes more of the last reply; in a chat, where it is over, another turn of the model. */
  continueReply(options, { newSeed = false } = {}) {
    const last = this.#last();
    const reply = last.replies[0];
    const author = this.#authorNow(reply);
    if (isOver(reply)) return this.send("", { ...options, author });
    const turn = sameModels(reply, refsOf(author)) ? last : { ...last, replaced: last.id, replies: [takenOver(this.page.log(), last, author)] };
    return this.#more(turn, { ...options, author }, newSeed);
  }

  /**
   * Cuts a reply after a character and writes on from there. The reply and what followed it stay in the tree.
   *
   * @param {number} id  of a turn that is shown
   * @param {number} keep  how many characters of its reply stay, at least 1
   * @param {object} change
   * @param {string} [change.pick]  the character that replaces the last of them
   * @param {boolean} [change.newSeed]
   */
  continueFrom(id, keep, options, { pick = "", newSeed = false } = {}) {
    const log = this.page.log();
    const turn = pathTo(log).find((each) => each.id === id);
    if (!turn) throw new Refusal({ id: "refusal.turn_gone" });
    const author = this.#authorNow(turn.replies[0]);
    const length = count(replyText(turn.replies[0]));
    if (!Number.isInteger(keep) || keep < 1 || keep > length - (pick ? 0 : 1)) throw new Refusal({ id: "refusal.nothing_after" });
    if (pick && !author.vocab.has(pick)) throw new Refusal({ id: "refusal.unknown_character" });
    const reply = { ...turn.replies[0], notices: [], parts: partsUpTo(turn.replies[0], keep, pick) };
    const stop = reply.chat && isOver(turn.replies[0]) ? count(author.chat.stop) : 0;
    const more = Math.max(options.settings.length, length + stop) - keep;
    const settings = { ...options.settings, length: more > 0 ? Math.min(more, SETTINGS.length.maximum) : options.settings.length };
    const cut = { ...turn, replaced: log.here, replies: [reply] };
    const now = sameModels(reply, refsOf(author)) ? cut : { ...cut, replies: [takenOver(this.page.log(), cut, author)] };
    return this.#more(now, { ...options, settings, author }, newSeed);
  }

  /** Writes the last reply again with its own seeds and with the cells that are clamped now. */
  rewrite(options) {
    const last = this.#last();
    const [reply] = last.replies;
    const author = this.#authorNow(reply);
    const starts = reply.parts.map((part, at) => !at || !part.draw_offset || reply.parts[at - 1].picked || !reply.parts[at - 1].settings);
    const at = starts.lastIndexOf(true);
    const [first, end] = [reply.parts[at], lastPart(reply)];
    if (!first?.settings) throw new Refusal({ id: "refusal.no_reply" });
    const byItself = ["stop", "blocked"].includes(end.end);
    const left = reply.parts.slice(at).reduce((sum, part) => sum + count(part.text), 0);
    const settings = { ...end.settings, length: byItself ? end.settings.length : Math.max(1, left) };
    const kept = { ...reply, notices: [], parts: reply.parts.slice(0, at).map((part) => ({ ...part })) };
    const now = sameModels(reply, refsOf(author)) ? kept : takenOver(this.page.log(), { ...last, replies: [kept] }, author);
    const turn = { ...last, replaced: last.id, replies: [now] };
    return this.#begin(turn, { ...options, settings, author, beside: null }, { draw_offset: first.draw_offset });
  }

  /** Writes one character, after a prompt if there is one. */
  step(prompt, options) {
    const one = { ...options, settings: { ...options.settings, length: 1 }, speed: null };
    return prompt || !lastTurn(this.page.log()) ? this.send(prompt, one) : this.continueReply(one);
  }

  /** Ends what is being written. */
  stop() {
    for (const run of this.running.values()) {
      run.next = null;
      run.controller.abort();
    }
  }

  /**
   * Changes a reply that is being written, from its next character on.
   *
   * @param {object} change
   * @param {Object<string, number>} [change.settings]
   * @param {?number} [change.speed]
   * @param {import("./log.js").Clamp[]} [change.cells]  of the first model
   */
  change(change) {
    for (const [side, run] of this.running) {
      const { cells, ...rest } = change;
      const mine = side === 0 && cells ? { ...rest, cells } : rest;
      if (!Object.keys(mine).length) continue;
      run.next = { ...run.next, ...mine, settings: { ...run.next?.settings, ...mine.settings } };
      run.controller.abort();
    }
  }

  /** Writes on what was being written when the page was closed or reloaded. */
  resume(speed) {
    const turn = lastTurn(this.page.log());
    const unfinished = turn ? turn.replies.map((reply, side) => [reply, side]).filter(([reply]) => reply && lastPart(reply)?.end === null) : [];
    return Promise.all(unfinished.map(([reply, side]) => this.#write(turn, side, reply, lastPart(reply), speed)));
  }

  /** The cells that are clamped in the next reply. */
  cellsFor(author) {
    const { held } = this.page.log();
    return !author.second && held.model === author.model.name ? held.cells : [];
  }

  /**
   * The last reply from its first clamped character on, as the same seeds write it without clamps.
   *
   * @returns {Promise<?{from: number, text: string}>} null if no cell was clamped
   */
  async free(id, signal) {
    const log = this.page.log();
    const replies = remembered(log, 0, id);
    const reply = replies[replies.length - 1]?.reply;
    const at = reply ? reply.parts.findIndex((part) => part.cells.length) : -1;
    if (at < 0) return null;
    const parts = reply.parts.slice(0, at).map((part) => ({ ...part }));
    const from = count(replyText({ ...reply, parts }));
    let text = "";
    for (const part of reply.parts.slice(at)) {
      const whole = part.end && !["stop", "blocked"].includes(part.end); // one that ended by itself may be longer without clamps
      const length = Math.min(whole ? count(part.text) : part.settings.length, MAX_FREE - count(text));
      if (length < 1) continue;
      const free = { ...part, settings: { ...part.settings, length }, cells: [], text: "" };
      const request = this.#request(replies.slice(0, -1), { ...reply, parts }, free, null);
      const { end } = await this.engine.write(request, { onText: (more) => (free.text += more), onStatus() {}, onActivity() {} }, signal);
      if (part.picked && end === "length") free.text = [...free.text].slice(0, -1).join("") + [...part.text].pop();
      text += free.text;
      parts.push({ ...free, end });
      if (end !== "length") break;
    }
    return { from, text };
  }

  #last() {
    const last = lastTurn(this.page.log());
    if (!last) throw new Refusal({ id: "refusal.no_reply" });
    return last;
  }

  // The models that wrote a reply, at the commits that are served now.
  #authorNow({ model, second }) {
    const [one, two] = [this.page.model(model.name), second && this.page.model(second.name)];
    if (!one || (second && !two)) throw new Refusal({ id: "refusal.model_gone", values: { name: one ? second.name : model.name } });
    return authorOf(one, two);
  }

  #replies(parent, prompt, { author, beside }) {
    return [author, beside].filter(Boolean).map((each, side) => newReply(this.page.log(), side, parent, prompt, each));
  }

  // Continues the reply of a turn, which is the last one or was made from it.
  #more(turn, options, newSeed) {
    const last = lastPart(turn.replies[0]);
    const seed = newSeed || !last ? options.settings.seed : (last.settings?.seed ?? last.seed ?? options.settings.seed);
    const share = options.author.second ? { share: options.settings.share ?? last?.settings?.share } : {};
    const settings = { ...options.settings, ...share, seed };
    const draw_offset = newSeed || !last ? 0 : last.draw_offset + (last.settings ? count(last.text) : 0);
    return this.#begin(turn, { ...options, settings }, { draw_offset });
  }

  // Adds a part to a turn, which is added to the log if it is new, and writes it.
  async #begin(turn, options, { draw_offset }) {
    const log = this.page.log();
    const known = turnOf(log, turn.id) === turn;
    const replies = remembered(known ? log : { ...log, turns: [...log.turns, { ...turn, id: -1 }] }, 0, known ? turn.id : -1);
    const length = count(readText(replies, () => true).text) + options.settings.length;
    if (length > MAX_TEXT) throw new Refusal({ id: "refusal.conversation_full", values: { most: MAX_TEXT } });
    const now = known ? turn : addTurn(log, turn);
    const authors = [options.author, options.beside];
    const cells = this.cellsFor(options.author);
    const writing = now.replies.map((reply, side) => {
      // A model side by side follows where it can: not a reply that was cut or rewritten.
      if (!reply || (side && known && (!options.beside || isOver(reply) || !sameModel(reply.model, refOf(options.beside.model))))) return null;
      const { share, ...alone } = options.settings;
      const settings = authors[side]?.second || reply.second ? options.settings : alone;
      const part = { settings, draw_offset, cells: side ? [] : cells, text: "", end: null, picked: false, rate: null, error: null };
      const kept = known ? 0 : reply.parts.length;
      reply.parts.push(part);
      return this.#write(now, side, reply, part, options.speed, kept);
    });
    this.page.changed();
    await Promise.all(writing);
  }

  // Writes a part to its end, through changes of its settings meanwhile.
  async #write(turn, side, reply, part, speed, kept = 0) {
    const run = { turn, reply, part, speed, kept, controller: new AbortController(), next: null };
    this.running.set(side, run);
    try {
      for (;;) {
        const ending = await this.#attempt(run, side);
        if (ending.end !== "abort" || !run.next) return this.#finish(run, ending);
        this.#applyChange(run);
        run.controller = new AbortController();
      }
    } catch (error) {
      this.#withdraw(run, side);
      if (!side) throw error;
      this.page.secondRefused(error);
    } finally {
      this.running.delete(side);
      this.page.status(side, []);
      if (!this.running.size) this.page.activity([]);
      this.page.changed();
    }
  }

  #attempt(run, side) {
    const { turn, reply, part } = run;
    const replies = remembered(this.page.log(), side, turn.id).slice(0, -1);
    const request = this.#request(replies, { ...reply, parts: reply.parts.slice(0, -1) }, part, run.speed);
    const onText = (text) => {
      run.began ??= performance.now();
      part.text += text;
      this.page.changed();
    };
    const onStatus = (messages) => this.page.status(side, messages);
    return this.engine.write(request, { onText, onStatus, onActivity: this.page.activity }, run.controller.signal);
  }

  #request(before, reply, part, speed) {
    const [model, second] = [reply.model, reply.second].map((each) => each && this.page.model(each.name));
    const author = model && (!reply.second || second) ? authorOf(model, second) : null;
    const replies = [...before, { turn: { id: 0 }, reply }];
    const { text, clamps, boundaries } = readText(replies, (character) => !author || author.vocab.has(character));
    const stop = reply.chat && author?.chat ? author.chat.stop : "";
    return {
      id: randomId(), client: tabId(), model: reply.model, second: reply.second, text, start: replies[0].reply.start, clamps, boundaries,
      settings: { ...part.settings, stop }, draw_offset: part.draw_offset, cells: part.cells, speed, received: part.text,
    };
  }

  #applyChange(run) {
    const { settings = {}, cells, speed = run.speed } = run.next;
    [run.speed, run.next] = [speed, null];
    const { part, reply } = run;
    const changed = { ...part.settings, ...settings, length: part.settings.length };
    const same = JSON.stringify([changed, cells ?? part.cells]) === JSON.stringify([part.settings, part.cells]);
    const written = count(part.text);
    if (same || written >= part.settings.length) return;
    if (!written) [part.settings, part.cells] = [changed, cells ?? part.cells];
    else {
      part.end = "changed";
      const rest = { ...changed, length: part.settings.length - written };
      run.part = { ...part, settings: rest, cells: cells ?? part.cells, draw_offset: part.draw_offset + written, text: "", end: null };
      part.settings = { ...part.settings, length: written };
      reply.parts.push(run.part);
    }
  }

  #finish({ reply, part, began }, { end, rate, error }) {
    const seconds = (performance.now() - began) / 1000;
    const measured = seconds > 0 && part.text.length > 1 ? count(part.text) / seconds : null; // of a reply that was stopped
    [part.end, part.rate, part.error] = [end, rate ?? measured, error ?? null];
    joinParts(reply);
  }

  // A second model writes nothing where the first one was refused.
  #abandon(turn) {
    for (const [side, run] of this.running) {
      if (!side || run.turn !== turn) continue;
      run.next = null;
      run.controller.abort();
      run.reply.parts = run.reply.parts.filter((part) => part !== run.part);
    }
  }

  // Takes back a request that was refused: nothing is lost, and what was written stays.
  #withdraw({ turn, reply, part, kept }, side) {
    const log = this.page.log();
    if (part.text) part.end = "abort";
    else reply.parts = reply.parts.filter((each) => each !== part); // `#abandon` may have removed it
    if (!side && !part.text) this.#abandon(turn);
    // A copy of a reply up to some character, to which nothing was added, goes too: the reply is shown again.
    if (reply.parts.length > kept || turn.replies.some((each) => each !== reply && each?.parts.length)) return;
    if (side || !turnOf(log, turn.id)) return;
    log.turns = log.turns.filter((each) => each !== turn);
    log.here = turnOf(log, turn.replaced)?.id ?? turnOf(log, turn.parent)?.id ?? 0;
  }
}
