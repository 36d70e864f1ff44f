import assert from "node:assert/strict";
import { test } from "node:test";

import { byHeart } from "../../../../web/learn/page/progress.js";

const FALLING = Array.from({ length: 10 }, (_, n) => [100 * (n + 1), 1.9 - n / 10]);
const RISING = FALLING.map(([step, loss]) => [step, 3 - loss]);

function curve(heldOut, training = FALLING) {
  return { training, heldOut: heldOut.map((loss, n) => [100 * (n + 1), loss]) };
}

test("a network learns by heart when its held-out loss has clearly risen while the training loss falls", () => {
  for (const [given, step] of [
    [curve([]), undefined],
    [curve([2]), undefined],
    [curve([2, 1.5, 1, 1.01, 1.015]), undefined], // less than 2 %
    [curve([2, 1.5, 1, 1.05]), undefined], // measured once
    [curve([2, 1.5, 1, 1.05, 1.01]), undefined],
    [curve([2, 1.5, 1, 1.03, 1.05]), 300],
    [curve([2, 1, 1, 1.03, 1.05]), 300], // the later one of two weights with one loss is kept
    [curve([2, 1.5, 1, 1.03, 1.05, 0.9]), undefined],
    [curve([1, 1.03, 1.05], RISING), undefined], // both rise
    [curve([1, 1.03, 1.05], []), undefined],
  ])
    assert.equal(byHeart(given)?.step, step);
  assert.deepEqual(byHeart(curve([2, 1.5, 1, 1.03, 1.05])), { step: 300, lowest: 1, last: 1.05 });
});
