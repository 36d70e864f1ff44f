import assert from "node:assert/strict";
import { test } from "node:test";

import { UNKNOWN, COLOURS, colourOf } from "../../../../web/lenses/state.js";
import { site } from "../../../../web/state/state.js";
import { TracedText } from "../../../../web/lenses/text/traced_text.js";
import { nextInReply, nextPosition } from "../../../../web/lenses/text/focus.js";

const CHARS = [..."ab\n\ncdef\ng"];
const TURNS = [{ at: 0, given: 2, length: CHARS.length }];

test("the arrow keys move by characters and lines, Home and End to the ends of the turn", () => {
  const moves = { ArrowLeft: 4, ArrowRight: 6, ArrowUp: 3, ArrowDown: 9, Home: 0, End: 9, x: null };
  for (const [key, wanted] of Object.entries(moves)) assert.equal(nextPosition(key, 5, CHARS, TURNS), wanted, key);
  assert.equal(nextPosition("ArrowUp", 1, CHARS, TURNS), 1);
  assert.equal(nextPosition("ArrowLeft", null, CHARS, TURNS), 9);
  assert.equal(nextPosition("Home", null, [], []), null);
});

test("without a panel the keys skip prompts", () => {
  assert.equal(nextInReply("ArrowLeft", 8, CHARS, TURNS), 8);
  assert.equal(nextInReply("Home", 0, CHARS, TURNS), 2);
  assert.equal(nextInReply("ArrowLeft", 1, CHARS, TURNS), null);
});

test("a colour stands for a range of bits; without bits there is none", () => {
  assert.deepEqual([0, 3, 4.9, 5, 100].map(colourOf), ["b0", "b1", "b2", "b3", "b5"]);
  assert.deepEqual([null, UNKNOWN, 3].map(COLOURS.mark), ["", "unknown", "b1"]);
  site.value = { ...site.value, models: [{ name: "tang", vocab: Array(2 ** 14).fill("字") }] };
  assert.deepEqual(
    [5.9, 6, 8, 100].map(colourOf),
    ["b0", "b1", "b2", "b5"],
    "each of many characters has a small chance",
  );
});

const PATH = { model: { name: "m", commit: "" }, second: null, share: null, start: true, text: "", clamps: [] };

test("a text sends only what is new, and all of it to an engine that has forgotten it", async () => {
  const tails = [];
  const text = new TracedText({
    trace: async ({ tail }) => {
      tails.push(`${tail.at} ${tail.text}`);
      return tails.length === 3 ? { unknown: true } : { bits: [] };
    },
  });
  for (const each of ["ab🙂", "ab🙂c", "ab🙂cd"]) {
    text.set({ ...PATH, text: each });
    await text.ask({ from: 0 });
  }
  assert.deepEqual(tails, ["0 ab🙂", "3 c", "4 d", "0 ab🙂cd"]);
});

test("values are kept up to the first character or clamp that has changed", () => {
  const text = new TracedText({ trace: async () => ({}) });
  assert.deepEqual(text.set({ ...PATH, text: "abcdef" }), { text: 0, values: 0 });
  text.values("bits").push(1, 2, 3, 4, 5, 6);
  assert.deepEqual(text.set({ ...PATH, text: "abcdefg" }), { text: Infinity, values: Infinity });
  assert.deepEqual(text.set({ ...PATH, text: "abcXefg" }), { text: 3, values: 3 });
  assert.deepEqual(text.values("bits"), [1, 2, 3]);
  assert.equal(text.chars.join(""), "abcXefg");
  const { values } = text.set({ ...PATH, text: "abcXefg", clamps: [[1, [[0, 0, 4]]]] });
  assert.equal(values, 1);
  assert.deepEqual(text.set({ ...PATH, start: false, text: "a" }), { text: 0, values: 0 });
});
