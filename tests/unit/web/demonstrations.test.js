import assert from "node:assert/strict";
import { test } from "node:test";

import { chosen } from "../../../web/demonstrations/shown.js";
import { newShowing, run } from "../../../web/demonstrations/shown.js";
import { lineLengths } from "../../../web/lenses/names.js";
import { wayOf } from "../../../web/state/state.js";

Object.assign(globalThis, { matchMedia: () => ({ matches: true }), document: { documentElement: { lang: "en" } } });

const cells = [{ layer: 1, index: 3, name: "place in the line", kind: "r", score: -0.8 }];
const model = {
  name: "a",
  commit: null,
  vocab: new Set("Hi"),
  examples: ["Hi"],
  cells,
  layers: 2,
  hidden: 12,
  chat: null,
};

/** Runs a demonstration whose texts are given, in turn. Each character of the second one is unlikely, the others are not. */
async function shown(name, texts) {
  const waiting = [...texts];
  const write = async (request, { onText }) => {
    const text = waiting.shift();
    const each = text === texts[1] ? 4 : 1;
    onText(
      text,
      [...text].map(() => each),
    );
    return { end: "length", rate: null, error: null };
  };
  const showing = newShowing(name, model, 7, { write });
  await run(showing);
  return showing;
}

test("shorter lines are said to be shorter, as the numbers that are shown", async () => {
  const [long, short] = ["x\n1234567890\n\n1234567890\nx", "x\n12345\n1234567\nx"];
  const { message } = await shown("lines", [long, short]);
  const { free, held, shorter, way } = message.value.values;
  assert.deepEqual([message.value.id, free, held, shorter], ["demo.lines.result", "10", "6", "40%"]);
  assert.equal(way.id, "way.up"); // of the feature: the cell falls along the line
  const results = await Promise.all([shown("lines", [short, long]), shown("lines", ["", "x"])]);
  for (const each of results) assert.equal(each.message.value.id, "demo.lines.no_result");
});

test("a clamp is named by what it does to the feature of a cell", () => {
  const ways = (cell) => [4, -4, 0, 2].map((value) => wayOf(value, cell));
  assert.deepEqual(ways(undefined), ["up", "down", "off", ""]);
  assert.deepEqual(ways({ kind: "r", score: -0.8 }), ["down", "up", "off", ""]);
  assert.deepEqual(ways({ kind: "auc", score: 0.1 }), ["no", "yes", "off", ""]);
});

test("a line that goes on counts if it is longer than the others", () => {
  assert.deepEqual(lineLengths("12\n1234\n123456\n1"), [4, 6]);
  assert.deepEqual(lineLengths("12\n1234\n1234567890"), [4, 10]);
  assert.deepEqual(lineLengths("1234567890"), [10]);
});

test("unlikely characters are counted", async () => {
  const { message } = await shown("bolder", ["calm", "norm", "wild"]);
  assert.deepEqual(message.value, {
    id: "demo.bolder.result",
    values: { odds: 8, calm: "0%", normal: "100%", wild: "0%" },
  });
});

test("the first samples of a training are shown longest, and the whole takes as long", () => {
  const sampled = (steps) => chosen(steps.map((step) => [step, `${step}`]));
  const runs = [
    [0, 11, 32, 58, 89, 125, 164, 207, 354, 524, 1000],
    Array.from({ length: 30 }, (_, n) => 100 * n),
    [0, 1],
    [500, 900, 1000],
  ];
  for (const all of runs) {
    const { samples, places } = sampled(all);
    const steps = samples.map(([step]) => step);
    assert.deepEqual([steps[0], steps.at(-1), new Set(steps).size], [all[0], all.at(-1), steps.length]);
    assert.deepEqual([places[0], places.at(-1), steps.length <= 16], [0, 1, true]);
    const times = places.slice(1).map((place, at) => place - places[at]);
    assert.equal(times[0], Math.max(...times));
    assert.ok(Math.min(...times) > 0);
  }
  // Of a stranger's checkpoint.
  for (const all of [
    [0, 0, 3],
    [5, 5],
    [7, 7, 7],
  ]) {
    const { samples, places } = sampled(all);
    assert.equal(samples.at(-1)[0], all.at(-1));
    assert.ok(places.every((place) => place >= 0 && place <= 1));
  }
});
