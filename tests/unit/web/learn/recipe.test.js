import assert from "node:assert/strict";
import { test } from "node:test";

import { dropoutAt, planRun, stepsWithin } from "../../../../web/learn/recipe.js";

// At the rates and with the dropout of a new network, a trained one first forgets what it knows.
test("fine-tuning takes more and smaller steps, and starts without dropout", () => {
  const network = { embedding: 64, hidden: 256, layers: 1 };
  const vocab = Array.from({ length: 80 }, (_, n) => String.fromCharCode(48 + n));
  const given = { vocab, ids: new Uint16Array(85_000), minutes: 3, speed: 20_000, seed: 1, workers: 1 };
  const [fresh, tuned] = [null, { network, tensors: {} }].map((parent) => planRun({ ...given, parent }).recipe);
  assert.ok(tuned.rows < fresh.rows);
  assert.ok(tuned.steps > fresh.steps);
  assert.ok(tuned.steps * tuned.rows < fresh.steps * fresh.rows); // in the same time
  assert.ok(tuned.muonRate < fresh.muonRate);
  assert.ok(tuned.rate < fresh.rate);
  const { reset, between, out, weights } = tuned.dropout;
  assert.ok(Math.min(reset, between, out, weights) > 0);
  for (const share of [0, 0.5, 1]) {
    const wanted = { reset, between: share * between, out: share * out, weights: share * weights };
    assert.deepEqual(dropoutAt(tuned, share * tuned.steps), wanted);
  }
  assert.deepEqual(dropoutAt(fresh, 0), dropoutAt(fresh, fresh.steps));
});

test("a run on a machine that is slower than it was leaves steps out", () => {
  for (const [steps, step, seconds, expected] of [
    [2000, 1, 2.9, 2000], // the first steps are slow
    [2000, 100, 9, 2000],
    [2000, 100, 9.1, 2000], // a change this small
    [2000, 100, 18, 1000],
    [1000, 200, 24, 1500], // faster again
    [1000, 200, 4, 2000], // as planned, and no more
    [1990, 200, 4, 2000],
    [2000, 2, 180, 20],
    [2000, 100, 400, 101],
  ])
    assert.equal(stepsWithin({ planned: 2000, steps, limit: 180 }, step, seconds), expected);
});
