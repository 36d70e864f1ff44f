// The log of a conversation: its tree of turns, the text that a model has read, and what the browser has stored of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as log from "../../../../web/conversation/log.js";
import { count as countOf } from "../../../../web/engines/engine.js";
import { Storage, parseLog } from "../../../../web/conversation/stored_conversations.js";

const PART = { draw_offset: 0, cells: [], end: "length", picked: false, rate: null, error: null };
const REPLY = { second: null, fresh: false, start: false, chat: false, before: "", notices: [] };
const part = (text, more = {}) => ({ settings: { seed: 1, length: text.length }, text, ...PART, ...more });
const reply = (parts, more = {}) => ({ model: { name: "m", commit: "" }, given: "", parts, ...REPLY, ...more });
const texts = (parts) => parts.map(({ text }) => text);

test("characters are counted as code points", () => {
  const counts = { "": 0, a: 1, "🙂": 1, "a🙂b": 3, "é你🙂🙂": 4, [`${"x".repeat(1000)}🙂`]: 1001 };
  const halves = { "\ud83d": 1, "\ude42": 1, "\ude42\ud83d": 2, "\ud83d\ud83d\ude42": 2 };
  for (const [text, count] of Object.entries({ ...counts, ...halves })) assert.equal(countOf(text), count);
});

const HELD = [[0, 3, 4]];

test("the text that a model has read, and the cells that were clamped", () => {
  // The step that draws a character reads the one before it, of those that the model knows.
  const first = reply([part("cd", { cells: HELD }), part("ef")], { given: "ab🙂", fresh: true });
  const second = reply([part("hi", { cells: HELD })], { given: "g" });
  const turns = [first, second].map((each, at) => ({ turn: { id: at + 1 }, reply: each }));
  const read = log.readText(turns, (character) => character !== "🙂");
  assert.equal(read.text, "ab🙂cdefghi");
  assert.deepEqual(Object.fromEntries(read.clamps), { 1: HELD, 4: [], 7: HELD, 9: [] });
  assert.deepEqual(read.boundaries, [10, 7, 5]);
  const places = read.turns.map(({ at, given, length }) => `${at} ${given} ${length}`);
  assert.deepEqual(places, ["0 3 7", "7 1 3"]);
});

test("the clamps of a text stay the same while it is written", () => {
  // A change of the clamps would discard the values that the lenses have requested of the text.
  const clamps = (text, end) => {
    const written = reply([part(text, { cells: HELD, end })], { given: "ab", fresh: true });
    return Object.fromEntries(log.readText([{ turn: { id: 1 }, reply: written }], () => true).clamps);
  };
  for (const text of ["", "c", "cd"]) assert.deepEqual(clamps(text, null), { 1: HELD });
  assert.deepEqual(clamps("cd", "length"), { 1: HELD, 3: [] });
});

test("turns form a tree in which undo, redo and versions move", () => {
  const tree = log.emptyLog();
  const shown = () => texts(log.pathTo(tree).map(({ prompt }) => ({ text: prompt }))).join("");
  const add = (prompt, more = {}) =>
    log.addTurn(tree, { parent: tree.here, prompt, reply: reply([part(`${prompt}!`)]), ...more });
  const after = (...moves) => (moves.forEach((move) => move()), shown());
  const [undo, redo] = [() => log.undo(tree), () => log.redo(tree)];
  add("a");
  const b = add("b");
  assert.equal(shown(), "ab");
  add("B", { parent: b.parent, replaced: b.id });
  assert.deepEqual([shown(), after(undo), after(undo), after(redo), after(redo)], ["aB", "ab", "a", "ab", "aB"]);
  assert.equal(redo(), false);
  log.showVersion(tree, b.id);
  assert.deepEqual([shown(), after(() => add("c"))], ["ab", "abc"]);
  assert.equal(log.versionsShown(tree), null, "the last turn has one");
  undo();
  const { at, ids } = log.versionsShown(tree);
  const show = (id) => () => log.showVersion(tree, id);
  assert.deepEqual([after(show(ids[1])), after(show(ids[0]))], ["aB", "ab"], "what was undone stays undone");
  assert.deepEqual([at, ids.length, after(redo)], [0, 2, "abc"]);
  assert.deepEqual([after(show(ids[1])), after(show(ids[0])), after(show(99))], ["aB", "abc", "abc"]);
  while (log.undo(tree));
  assert.deepEqual([shown(), log.versionsShown(tree)], ["", null]);
});

test("the oldest turns that are not shown are forgotten", () => {
  const tree = log.emptyLog();
  for (let n = 0; n < 200; n++) {
    const replaced = log.lastTurn(tree)?.id ?? 0;
    log.addTurn(tree, { parent: 0, replaced, prompt: `${n}`, reply: reply([part("x")]) });
  }
  assert.deepEqual([tree.turns.length, log.lastTurn(tree).prompt, log.turnOf(tree, 1)], [60, "199", undefined]);
});

test("a reply is cut after any character, and one may be picked", () => {
  const whole = reply([part("ab🙂"), part("cd", { draw_offset: 3 })]);
  const cuts = [
    [2, "", ["ab"], false],
    [3, "", ["ab🙂"], false],
    [3, "z", ["abz"], true],
    [4, "y", ["ab🙂", "y"], true],
    [5, "w", ["ab🙂", "cw"], true],
  ];
  for (const [keep, pick, expected, isPicked] of cuts) {
    const parts = log.partsUpTo(whole, keep, pick);
    assert.deepEqual([texts(parts), parts.at(-1).picked], [expected, isPicked]);
  }
});

test("parts of one seed and the same settings are joined", () => {
  const next = (more) => part("cd", { draw_offset: 2, ...more });
  const cases = [
    [part("ab"), next({}), ["abcd"]],
    [part("ab"), next({ settings: { seed: 2, length: 2 } }), ["ab", "cd"]],
    [part("ab"), next({ draw_offset: 0 }), ["ab", "cd"]],
    [part("ab", { picked: true }), next({}), ["ab", "cd"]],
  ];
  for (const [one, two, expected] of cases) {
    const joined = reply([one, two]);
    log.joinParts(joined);
    assert.deepEqual(texts(joined.parts), expected);
    if (joined.parts.length === 1) assert.deepEqual(joined.parts[0].settings, { seed: 1, length: 4 });
  }
});

/** Returns a log of two turns and a version, with a clamped cell, as the page stores it. */
function storedLog() {
  const error = { id: "fault.model", values: { error: "x" } };
  const clamped = part("cd", { cells: [[0, 1, 4]], draw_offset: 2, error });
  const turn = { parent: 1, replaced: 0, prompt: "b", shared: false, check: [] };
  const notices = [{ id: "notice.newer_commit" }];
  const turns = [
    { ...turn, id: 1, parent: 0, reply: reply([part("ab"), clamped], { fresh: true }) },
    { ...turn, id: 2, reply: reply([part("ef")], { notices }) },
    {
      ...turn,
      id: 3,
      replaced: 2,
      reply: reply([part("gh", { end: null })]),
      continued: [{ length: 1, letters: false }],
    },
  ];
  const controls = { temperature: "0.8", seed: "", draft: "typed", model: "m" };
  const held = { model: "m", cells: [[0, 1, 4]] };
  return { version: 1, id: "a", changed: 5, here: 3, undone: [2], address: "", held, turns, controls };
}

test("a stored log is read as it was written", () => {
  assert.deepEqual(parseLog(storedLog()), storedLog());
  // Older pages stored a list of replies, with the lengths of all of them where they were continued.
  const old = storedLog();
  for (const turn of old.turns) {
    turn.replies = [turn.reply, reply([part("of the other")], { fresh: true })];
    delete turn.reply;
    if (turn.continued) turn.continued = turn.continued.map(({ length }) => ({ lengths: [length, 7], letters: false }));
  }
  assert.deepEqual(parseLog(old), storedLog());
});

test("a stored log without its last turn shows the newest one, and notices without a text are left out", () => {
  const stored = { ...storedLog(), here: 99 };
  const notice = { id: "notice.unknown", values: { characters: [{ id: "unknown.space" }] } };
  stored.turns[1].reply.notices.unshift(notice);
  assert.deepEqual(parseLog(stored), storedLog());
});

test("a prompt is kept if the page was closed before its conversation was stored", async (context) => {
  const stored = { "char-lstm/current": "a", "char-lstm/settings": JSON.stringify({ id: "a", draft: "typed" }) };
  const sessionStorage = { getItem: (name) => stored[name] ?? null };
  Object.defineProperty(globalThis, "sessionStorage", { value: sessionStorage, configurable: true });
  context.after(() => Reflect.deleteProperty(globalThis, "sessionStorage"));
  assert.equal((await new Storage(null).current()).controls.draft, "typed");
});

test("a stored value that is no log is ignored", () => {
  const one = { version: 1, id: "a" };
  const broken = [null, 1, "x", [], {}, { ...one, version: 2, turns: [] }, { ...one, turns: [{}] }];
  const noReplies = [{}, { reply: null }, { reply: [] }, { replies: [] }, { replies: [null] }, { replies: null }];
  const [{ reply: whole, ...first }] = storedLog().turns;
  const changed = (change) => {
    const stored = storedLog();
    change(stored.turns);
    return stored;
  };
  const all = [
    ...[...broken, { version: 1, turns: [] }],
    ...noReplies.map((each) => ({ ...one, turns: [{ ...first, ...each }] })),
    changed((turns) => (turns[0].parent = 3)), // in a circle
    changed((turns) => (turns[1].id = 3)),
    changed((turns) => (turns[0].reply.fresh = false)), // without a beginning
    ...["held", "controls", "undone"].map((name) => ({ ...storedLog(), [name]: null })),
  ];
  for (const each of all) assert.equal(parseLog(each), null, JSON.stringify(each));
  assert.equal(parseLog({ ...one, turns: [{ ...first, reply: whole }] }).turns.length, 1);
});
