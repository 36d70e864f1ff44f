import assert from "node:assert/strict";
import { test } from "node:test";

import { chosen } from "../../../web/demonstrations/learning.js";
import { newShowing, run } from "../../../web/demonstrations/shown.js";

globalThis.matchMedia = () => ({ matches: true });

const model = { name: "a", commit: null, vocab: new Set("Hi"), examples: ["Hi"], cells: [], chat: null };
const engine = (write) => ({ write });

test("the answers of a chat model begin on a line of their own", async () => {
  const write = async () => ({ end: "abort", rate: null, error: null });
  for (const [chat, prompt] of [
    [null, "Hi"],
    [{ prefix: "A: ", suffix: "B: ", stop: "A: " }, "Hi\n"],
  ]) {
    const showing = newShowing("same", { ...model, chat }, 7, engine(write));
    await run(showing);
    assert.equal(showing.body.value.prompt, prompt);
  }
});

test("a demonstration that was closed while its texts ended has no result", async () => {
  const write = async (_, { onText }) => {
    onText("text");
    showing.ended.abort();
    return { end: "length", rate: null, error: null };
  };
  const showing = newShowing("same", model, 7, engine(write));
  await run(showing);
  assert.equal(showing.isDone.value, false);
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
