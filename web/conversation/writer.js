// Turns each action of a visitor (a move: send, retry, continue …) into a turn of the log and a request to the text engine.
//
// A move starts at once, and resolves when everything that it writes is complete; it throws a Refusal if it cannot start.

import { count, refusal } from "../engines/engine.js";
import { LIMITS, SETTINGS } from "../settings.js";
import * as logs from "./log.js";
import { authorNow, newReply, refsOf, requestOf, takenOver, tooLong } from "./replies.js";

/**
 * @import { Clamp, Ending, Message, Settings, TextEngine } from "../engines/engine.js"
 * @import { Log, NewTurn, Part, Reply, Turn } from "./log.js"
 * @import { Author, FindModel } from "./replies.js"
 *
 * @typedef {object} Options  how a reply is written
 * @property {Settings} settings  `share` for a blend
 * @property {boolean} seed_given  whether the visitor chose the seed
 * @property {?number} speed  characters per second; null is full speed
 * @property {Author} author
 * @property {boolean} [isExact]  whether it ends after its length, also within a word
 *
 * @typedef {{settings?: Partial<Settings>, speed?: ?number, cells?: Clamp[]}} Change  of a reply that is being written,
 *   from its next character on
 *
 * @typedef {object} Run  a part that is being written
 * @property {Turn} turn
 * @property {Part} part
 * @property {?number} speed
 * @property {number} kept  how many parts of the reply existed before
 * @property {boolean} isExact
 * @property {AbortController} controller
 * @property {?Change} next
 */

const MORE = 2; // characters for each 100 of its length that a reply may be longer, to the end of a word
const IN_WORD = /[\p{L}\p{M}\p{N}'’-]/u;

const written = /** @type {WeakMap<Reply, number[]>} */ (new WeakMap());

/** Returns the surprisal of each character that this page has written in a reply; empty for the others. @param {Reply} reply */
export function surprisalsOf(reply) {
  if (!written.has(reply)) written.set(reply, []);
  return written.get(reply);
}

export class Writer {
  /**
   * @param {TextEngine} engine
   * @param {object} page
   * @param {() => Log} page.log
   * @param {() => void} page.changed  called after every change of the log
   * @param {(messages: Message[]) => void} page.status
   * @param {FindModel} page.model
   */
  constructor(engine, page) {
    this.engine = engine;
    this.page = page;
    this.running = /** @type {?Run} */ (null);
  }

  get busy() {
    return this.running !== null;
  }

  /** Starts a new turn at the end of the conversation. @param {string} prompt @param {Options} options */
  send(prompt, options, { shared = false } = {}) {
    const { here } = this.page.log();
    const refused = tooLong(logs.typedPrompt({ parent: here, prompt }));
    if (refused) throw refused;
    const reply = newReply(this.page.log(), here, prompt, options.author);
    return this.#begin({ parent: here, prompt, shared, reply }, options);
  }

  /** Writes the last turn again. The same text again does not become another version. @param {Options} options */
  async retry(options) {
    const [log, last] = [this.page.log(), this.#last()];
    const reply = newReply(log, last.parent, last.prompt, options.author);
    await this.#begin({ ...last, replaced: last.id, reply }, options);
    const [now, before] = [logs.lastTurn(log), logs.turnOf(log, last.id)];
    if (!before || now?.replaced !== last.id || !logs.sameModels(now.reply, before.reply)) return;
    if (logs.replyText(now.reply) !== logs.replyText(before.reply)) return;
    log.turns = log.turns.filter((each) => each !== now);
    log.here = last.id;
    const { temperature, top_k, seed } = options.settings;
    const isGreedy = temperature === 0 || top_k === 1 || !options.seed_given;
    const others = before.reply.notices.filter(({ id }) => !id.startsWith("notice.same_"));
    const notice = { id: isGreedy ? "notice.same_greedy" : "notice.same_again", values: { seed } };
    before.reply.notices = [...others, notice];
  }

  /** Writes more of the last reply; if it has ended a turn of a chat, another turn. @param {Options} options */
  continueReply(options, { newSeed = false, letters = false } = {}) {
    const last = this.#last();
    const { reply } = last;
    const author = this.#authorNow(reply);
    if (logs.isOver(reply)) return this.send("", { ...options, author });
    const now = this.#asNow(last, reply, author);
    if (now === reply) logs.markContinued(last, letters);
    const turn = now === reply ? last : { ...last, replaced: last.id, reply: now };
    return this.#more(turn, { ...options, author }, newSeed);
  }

  /**
   * Cuts a reply after a character and continues it from there. The old reply and the turns after it stay in the tree.
   * @param {number} id  of a turn that is shown
   * @param {number} keep  how many characters of its reply stay, at least 1
   * @param {Options} options
   * @param {object} change
   * @param {string} [change.pick]  the character that replaces the last of them
   * @param {boolean} [change.newSeed]
   */
  continueFrom(id, keep, options, { pick = "", newSeed = false } = {}) {
    const log = this.page.log();
    const turn = logs.pathTo(log).find((each) => each.id === id);
    if (!turn) throw refusal("refusal.turn_gone");
    const old = turn.reply;
    const author = this.#authorNow(old);
    const length = count(logs.replyText(old));
    if (!Number.isInteger(keep) || keep < 1 || keep > length - (pick ? 0 : 1)) throw refusal("refusal.nothing_after");
    if (pick && !author.vocab.has(pick)) throw refusal("refusal.unknown_character");
    const reply = { ...old, notices: [], parts: logs.partsUpTo(old, keep, pick) };
    const stop = logs.isOver(old) ? count(author.chat?.stop ?? "") : 0;
    const wanted = options.settings.length;
    const more = Math.max(wanted / 2, Math.max(wanted, length + stop) - keep); // a letter near the end gets an ending, too
    const settings = { ...options.settings };
    settings.length = Math.min(Math.ceil(more), SETTINGS.length.maximum);
    const now = this.#asNow(turn, reply, author);
    const shared = turn.shared && !pick; // else the note would credit its sender with the visitor's letter
    return this.#more({ ...turn, shared, replaced: log.here, reply: now }, { ...options, settings, author }, newSeed);
  }

  /** Writes the last reply again with the same seeds and with the cells that are clamped now. @param {Options} options */
  rewrite(options) {
    const last = this.#last();
    const { reply } = last;
    const author = this.#authorNow(reply);
    const begins = (part, n) => !n || !part.draw_offset || reply.parts[n - 1].picked || !reply.parts[n - 1].settings;
    const at = reply.parts.findLastIndex(begins);
    const [first, end] = [reply.parts[at], logs.lastPart(reply)];
    if (!first?.settings) throw refusal("refusal.no_reply");
    const byItself = ["stop", "blocked"].includes(end.end);
    const left = reply.parts.slice(at).reduce((sum, part) => sum + count(part.text), 0);
    const settings = { ...end.settings, length: byItself ? end.settings.length : Math.max(1, left) };
    const kept = { ...reply, notices: [], parts: reply.parts.slice(0, at).map((part) => ({ ...part })) };
    const turn = { ...last, replaced: last.id, reply: this.#asNow(last, kept, author) };
    return this.#begin(turn, { ...options, settings, author }, first.draw_offset);
  }

  /** Writes one character, after a prompt if there is one. @param {string} prompt @param {Options} options */
  step(prompt, options) {
    const one = { ...options, settings: { ...options.settings, length: 1 }, speed: null };
    return prompt || !logs.lastTurn(this.page.log())
      ? this.send(prompt, one)
      : this.continueReply(one, { letters: true });
  }

  /** Ends the reply that is being written. */
  stop() {
    if (!this.running) return;
    this.running.next = null;
    this.running.controller.abort();
  }

  /** Changes the settings of the reply that is being written. @param {Change} change */
  change(change) {
    const run = this.running;
    if (!run || (run.controller.signal.aborted && !run.next)) return; // it was stopped
    run.next = { ...run.next, ...change, settings: { ...run.next?.settings, ...change.settings } };
    run.controller.abort();
  }

  /** Continues the reply that was being written when the page was closed or reloaded. @param {?number} speed */
  async resume(speed) {
    const turn = logs.lastTurn(this.page.log());
    const part = turn && logs.lastPart(turn.reply);
    if (part?.end === null) await this.#write(turn, part, { speed });
  }

  /** Returns the cells that are clamped in the next reply. @param {Author} author */
  cellsFor(author) {
    const { held } = this.page.log();
    return !author.second && held.model === author.model.name ? held.cells : [];
  }

  #last() {
    const last = logs.lastTurn(this.page.log());
    if (!last) throw refusal("refusal.no_reply");
    return last;
  }

  /** Returns the author of a reply, at the commits that are served now. @param {Reply} reply */
  #authorNow(reply) {
    const author = authorNow(reply, this.page.model);
    if (author) return author;
    const { name } = this.page.model(reply.model.name) ? reply.second : reply.model;
    throw refusal("refusal.model_gone", { name });
  }

  // Returns the reply that an author continues: a copy for the newer commit, if the author is one.
  /** @type {(turn: Turn, reply: Reply, author: Author) => Reply} */
  #asNow(turn, reply, author) {
    return logs.sameModels(reply, refsOf(author)) ? reply : takenOver(this.page.log(), { ...turn, reply }, author);
  }

  // Continues the reply of a turn, which is the last one or was made from it.
  /** @type {(turn: Turn, options: Options, newSeed: boolean) => Promise<void>} */
  #more(turn, options, newSeed) {
    const last = logs.lastPart(turn.reply);
    const seed = newSeed || !last ? options.settings.seed : (last.settings?.seed ?? last.seed ?? options.settings.seed);
    const share = options.author.second ? { share: options.settings.share ?? last?.settings?.share } : {};
    const settings = { ...options.settings, ...share, seed };
    const draw_offset = newSeed || !last ? 0 : last.draw_offset + (last.settings ? count(last.text) : 0);
    return this.#begin(turn, { ...options, settings }, draw_offset);
  }

  // Adds a part to a turn, which is added to the log if it is new, and writes it.
  /** @param {NewTurn} turn @param {Options} options */
  async #begin(turn, options, draw_offset = 0) {
    const log = this.page.log();
    const known = log.turns.find((each) => each === turn);
    const before = turn.reply.fresh ? [] : logs.remembered(log, turn.parent);
    const whole = logs.readText([...before, { turn: { id: 0 }, reply: turn.reply }], () => true).text;
    const length = count(whole) + options.settings.length;
    if (length > LIMITS.text) throw refusal("refusal.conversation_full", { most: LIMITS.text });
    const now = known ?? logs.addTurn(log, turn);
    const { share, ...alone } = options.settings;
    const settings = options.author.second ? options.settings : alone;
    const part = logs.newPart({ settings, draw_offset, cells: this.cellsFor(options.author) });
    const kept = known ? 0 : now.reply.parts.length;
    now.reply.parts.push(part);
    await this.#write(now, part, options, kept);
  }

  // Writes a part to its end; a change of settings meanwhile starts a new part.
  /** @type {(turn: Turn, part: Part, options: {speed: ?number, isExact?: boolean}, kept?: number) => Promise<void>} */
  async #write(turn, part, { speed, isExact = false }, kept = 0) {
    const run = /** @type {Run} */ ({
      turn,
      part,
      speed,
      kept,
      isExact,
      controller: new AbortController(),
      next: null,
    });
    this.running = run;
    this.page.changed();
    try {
      for (;;) {
        const ending = await this.#attempt(run);
        if (ending.end === "abort" && run.next) this.#applyChange(run);
        else {
          const { end, rate, error = null } = ending;
          Object.assign(run.part, { end, rate, error });
          return logs.joinParts(turn.reply);
        }
        run.controller = new AbortController();
      }
    } catch (error) {
      this.#withdraw(run);
      throw error;
    } finally {
      this.running = null;
      this.page.status([]);
      this.page.changed();
    }
  }

  /** @type {(run: Run) => Promise<Ending>} */
  async #attempt(run) {
    const { turn, part } = run;
    const replies = logs.remembered(this.page.log(), turn.id).slice(0, -1);
    const before = { ...turn.reply, parts: turn.reply.parts.slice(0, -1) };
    const request = requestOf(replies, before, part, run.speed, this.page.model);
    const { length } = part.settings;
    const more = run.isExact ? 0 : MORE * Math.floor(length / 100);
    request.settings.length = Math.min(length + more, SETTINGS.length.maximum);
    const bits = surprisalsOf(turn.reply);
    let at = count(logs.replyText(turn.reply));
    let isComplete = false;
    const onText = (text, values = []) => {
      if (isComplete) return; // on its way when the engine was told to end
      const [chars, before] = [[...text], count(part.text)];
      const end = more ? chars.findIndex((each, n) => before + n + 1 >= length && !IN_WORD.test(each)) : -1;
      isComplete = end >= 0;
      const taken = isComplete ? chars.slice(0, end + 1) : chars;
      part.text += taken.join("");
      for (const each of values.slice(0, taken.length)) bits[at++] = each;
      this.page.changed();
      if (isComplete) run.controller.abort();
    };
    const onStatus = (messages) => this.page.status(messages);
    const ending = await this.engine.write(request, { onText, onStatus }, run.controller.signal);
    return isComplete ? { end: "length", rate: ending.rate, error: null } : ending;
  }

  /** @param {Run} run */
  #applyChange(run) {
    const { settings = {}, cells, speed = run.speed } = run.next;
    [run.speed, run.next] = [speed, null];
    const { part, turn } = run;
    const { length } = part.settings;
    const changed = { settings: { ...part.settings, ...settings, length }, cells: cells ?? part.cells };
    const same = JSON.stringify(changed) === JSON.stringify({ settings: part.settings, cells: part.cells });
    const written = count(part.text);
    if (same || written >= length) return;
    if (!written) return void Object.assign(part, changed);
    run.part = { ...part, ...changed, draw_offset: part.draw_offset + written, text: "" };
    run.part.settings.length = length - written;
    part.end = "changed";
    part.settings = { ...part.settings, length: written };
    turn.reply.parts.push(run.part);
  }

  // Undoes the changes of the log by a request that was refused; text that was written stays.
  /** @param {Run} run */
  #withdraw({ turn, part, kept }) {
    const log = this.page.log();
    if (part.text) part.end = "abort";
    else turn.reply.parts.pop();
    // The copy of a reply that was to be continued is removed if nothing was added to it: the old reply is shown again.
    if (turn.reply.parts.length > kept || !logs.turnOf(log, turn.id)) return;
    log.turns = log.turns.filter((each) => each !== turn);
    log.here = logs.turnOf(log, turn.replaced)?.id ?? logs.turnOf(log, turn.parent)?.id ?? 0;
  }
}
