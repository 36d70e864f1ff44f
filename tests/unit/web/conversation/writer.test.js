// The moves of a visitor: which requests they make to the text engine, and what becomes of the log.

import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyLog, lastTurn, pathTo, replyText, undo, wholeText } from "../../../../web/conversation/log.js";
import { authorOf, onNewLine } from "../../../../web/conversation/replies.js";
import { Writer } from "../../../../web/conversation/writer.js";
import { Refusal } from "../../../../web/engines/engine.js";

const VOCAB = [..."abcdefghijklmnop \n"];
const MODEL = { name: "m", commit: "1".repeat(40), vocab: VOCAB, chat: null, failure: null, loading: false };

/** Returns the character that a model draws: it depends on all that it has read, and on the draw; its seed may not matter. */
function drawn(text, { settings: { seed, temperature, top_k = 0 }, cells }, draw) {
  let sum = 7;
  const isSure = temperature < 0.1 || top_k === 1;
  for (const sign of JSON.stringify([text, isSure ? 0 : seed, temperature, cells, draw])) {
    sum = (sum * 31 + sign.codePointAt(0)) % 65_521;
  }
  return VOCAB[sum % 10];
}

/** Returns `length` characters that follow a text. */
function expected(text, length, { seed = 1, temperature = 1, cells = [], draw = 0 } = {}) {
  let written = "";
  while (written.length < length)
    written += drawn(text + written, { settings: { seed, temperature }, cells }, draw + written.length);
  return written;
}

/** Returns a page with one model: its log, its writer, and the requests to its engine. */
function pageOf() {
  const page = { log: emptyLog(), model: MODEL, requests: [], onText: () => {}, refusal: null };
  const engine = {
    async write(request, { onText }, signal) {
      page.requests.push(request);
      if (page.refusal) throw new Refusal({ id: page.refusal });
      let { received } = request;
      while (received.length < request.settings.length) {
        await Promise.resolve();
        if (signal.aborted) return { end: "abort", rate: null, error: null };
        const next = drawn(request.text + received, request, request.draw_offset + received.length);
        received += next;
        onText(next);
        page.onText(received);
      }
      return { end: "length", rate: 60, error: null };
    },
  };
  const shown = { log: () => page.log, changed() {}, status() {}, model: () => page.model };
  return Object.assign(page, { writer: new Writer(/** @type {any} */ (engine), shown) });
}

const optionsOf = (page, more = {}) => {
  const settings = { seed: 1, temperature: 1, length: 20, ...more };
  return { settings, seed_given: true, speed: null, author: authorOf(page.model) };
};
const text = (page) => replyText(lastTurn(page.log).reply);

/** Returns a page with one reply of 20 characters. */
async function written(prompt = "ab") {
  const page = pageOf();
  await page.writer.send(prompt, optionsOf(page));
  return page;
}

test("a reply that is continued has the characters of one that was written at once", async () => {
  const page = await written();
  await page.writer.continueReply(optionsOf(page));
  assert.equal(text(page), expected("ab", 40));
  assert.equal(lastTurn(page.log).reply.parts.length, 1);
  await page.writer.send("cd", optionsOf(page, { seed: 2 }));
  assert.equal(text(page), expected(`ab${expected("ab", 40)}cd`, 20, { seed: 2 }));
  assert.deepEqual(page.requests.at(-1).boundaries, [42]);
  for (const at of ["a", "b"]) await page.writer.step("", optionsOf(page, { temperature: at.length }));
  // Letters are undone together, then the second turn, then Continue.
  for (const length of [20, 40, 20]) assert.deepEqual([undo(page.log), text(page).length], [true, length]);
});

test("a prompt begins a line of its own, unless it begins with a space", async () => {
  const page = await written();
  const begun = ["cd", " cd"].map((prompt) => onNewLine(page.log, prompt, authorOf(page.model)));
  assert.deepEqual(begun, ["\ncd", " cd"]);
});

test("a reply is rewritten from a character on, and Undo brings the rest back", async () => {
  const page = await written();
  const whole = text(page);
  const { id } = lastTurn(page.log);
  await page.writer.continueFrom(id, 7, optionsOf(page, { seed: 5 }), { newSeed: true });
  assert.equal(text(page), whole.slice(0, 7) + expected(`ab${whole.slice(0, 7)}`, 13, { seed: 5 }));
  assert.ok(undo(page.log));
  assert.equal(text(page), whole);
  await page.writer.continueFrom(id, 7, optionsOf(page));
  assert.equal(text(page), whole); // the same seed
  const gone = { message: "refusal.turn_gone" };
  assert.throws(() => page.writer.continueFrom(id, 7, optionsOf(page)), gone);
  await page.writer.continueFrom(lastTurn(page.log).id, 7, optionsOf(page, { temperature: 2 }));
  const hotter = expected(`ab${whole.slice(0, 7)}`, 13, { temperature: 2, draw: 7 });
  assert.equal(text(page), whole.slice(0, 7) + hotter);
  await page.writer.continueFrom(lastTurn(page.log).id, 3, optionsOf(page), { pick: "p" });
  assert.equal(text(page).slice(0, 3), `${whole.slice(0, 2)}p`);
  assert.equal(text(page).length, 20);
  await page.writer.continueFrom(lastTurn(page.log).id, 19, optionsOf(page), { pick: "p" });
  assert.equal(text(page).length, 29); // near the end half a reply follows
  assert.throws(() => page.writer.continueFrom(lastTurn(page.log).id, 3, optionsOf(page), { pick: "漢" }));
});

test("the same text again is no other version, and clamped cells rewrite it", async () => {
  const page = await written();
  await page.writer.retry(optionsOf(page));
  assert.equal(page.log.turns.length, 1);
  assert.equal(lastTurn(page.log).reply.notices[0].id, "notice.same_again");
  await page.writer.retry(optionsOf(page, { top_k: 5 }));
  assert.equal(page.log.turns.length, 1); // other settings do not matter
  page.log.held = { model: "m", cells: [[0, 1, 4]] };
  await page.writer.rewrite(optionsOf(page));
  assert.equal(text(page), expected("ab", 20, { cells: [[0, 1, 4]] }));
  assert.equal(page.log.turns.length, 2);
  page.log.held = { model: "other", cells: [[0, 1, 4]] };
  await page.writer.rewrite(optionsOf(page, { seed: 77, length: 5 }));
  assert.equal(text(page), expected("ab", 20)); // with its own seed and length; the cells are those of another model
});

test("where another seed gives the same text, one notice says what to change", async () => {
  const [byItself, bySeed] = ["notice.same_greedy", "notice.same_again"];
  for (const [settings, seed_given, id] of /** @type {const} */ ([
    [{ temperature: 0 }, true, byItself],
    [{ temperature: 0 }, false, byItself],
    [{ top_k: 1 }, true, byItself],
    [{ temperature: 0.01 }, false, byItself],
    [{ temperature: 0.01 }, true, bySeed],
  ])) {
    const page = pageOf();
    const options = (seed) => ({ ...optionsOf(page, { seed, ...settings }), seed_given });
    await page.writer.send("ab", options(1));
    for (const seed of [5, 7]) await page.writer.retry(options(seed));
    assert.deepEqual([page.log.turns.length, lastTurn(page.log).reply.notices], [1, [{ id, values: { seed: 7 } }]]);
    await page.writer.retry(optionsOf(page));
    assert.equal(page.log.turns.length, 2);
  }
});

test("a change while a reply is written holds from its next character on, and Stop ends it", async () => {
  const page = pageOf();
  const cells = [[0, 1, 4]];
  page.onText = () => {
    const { length } = text(page);
    if (length === 8) page.writer.change({ settings: { temperature: 2 } });
    if (length === 11) page.writer.change({ cells });
  };
  await page.writer.send("ab", optionsOf(page));
  const first = expected("ab", 8);
  const second = first + expected(`ab${first}`, 3, { temperature: 2, draw: 8 });
  assert.equal(text(page), second + expected(`ab${second}`, 9, { temperature: 2, cells, draw: 11 }));
  page.onText = ({ length }) => length === 5 && (page.writer.stop(), page.writer.change({ speed: 10 }));
  await page.writer.send("cd", optionsOf(page));
  page.writer.change({ settings: { temperature: 3 } });
  assert.deepEqual([text(page).length, lastTurn(page.log).reply.parts[0].end], [5, "abort"]);
  lastTurn(page.log).reply.parts[0].end = null; // as if the page had been closed then
  page.onText = () => {};
  await page.writer.resume(null);
  assert.equal(text(page).length, 20);
});

test("a refused request changes nothing, and a full conversation takes no more", async () => {
  const page = await written();
  const before = wholeText(page.log);
  page.refusal = "refusal.x";
  for (const move of ["send", "retry", "continueReply", "rewrite"]) {
    const given = move === "send" ? ["cd", optionsOf(page)] : [optionsOf(page, { seed: 3 })];
    await assert.rejects(async () => page.writer[move](...given), { reason: { id: "refusal.x" } });
    assert.deepEqual([wholeText(page.log), pathTo(page.log).length, page.writer.busy], [before, 1, false], move);
  }
  const full = { message: "refusal.conversation_full" };
  await assert.rejects(() => page.writer.send("a", optionsOf(page, { length: 100_000 })), full);
});
