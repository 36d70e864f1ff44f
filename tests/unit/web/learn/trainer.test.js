// Training by one worker. tests/browser/test_training.py has two of them, and what Python makes of a result.

import assert from "node:assert/strict";
import { test } from "node:test";

import { idsOf, planRun, vocabularyOf } from "../../../../web/learn/recipe.js";
import { Training } from "../../../../web/learn/trainer.js";

const WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "the", "dog", "ran", "to", "the", "hat"];
const STEPS = 300;

/** Returns lines of words, the same for each seed. */
function sentences(count, seed = 1) {
  const next = () => (seed = (seed * 48271) % 0x7fffffff);
  const line = () => Array.from({ length: 6 }, () => WORDS[next() % WORDS.length]).join(" ");
  return Array.from({ length: count }, () => `${line()}.\n`).join("");
}

/** Returns a small plan. */
function planOf({ text = sentences(200), parent = null, seed = 1, limit = Infinity, ...recipe } = {}) {
  const vocab = vocabularyOf(text, parent?.vocab);
  const plan = planRun({ vocab, ids: idsOf(text, vocab), minutes: 1, speed: 1000, seed, workers: 1, parent });
  const small = { ...(parent ? {} : { embedding: 16, hidden: 24 }), rows: 4, window: 16, steps: STEPS, ...recipe };
  return { ...plan, limit, recipe: { ...plan.recipe, ...small } };
}

/** Trains, and returns what was reported. `act` gets the training and the number of steps after each. */
async function train(plan, { saved = null, act = null } = {}) {
  const training = new Training(plan, saved);
  const found = { losses: [], heldOut: [], saved: null, tensors: null, ended: "" };
  for await (const report of training.run()) {
    if (report.taken) {
      found.losses.push(report.taken.loss);
      act?.(training, report.taken.step);
    } else if (report.evaluated) {
      found.heldOut.push([report.evaluated.step, report.evaluated.loss]);
      found.tensors = report.evaluated.tensors;
    } else if (report.saved) {
      found.saved = report.saved;
      training.want("run");
    } else found.ended = report.ended;
  }
  return found;
}

const whole = await train(planOf());

test("the same seed gives the same bits, also after a pause; another one does not", async () => {
  const act = (training, step) => step === 10 && training.want("pause"); // goes on once it is saved
  const paused = await train(planOf(), { act });
  assert.equal(paused.saved.state.step, 10);
  assert.deepEqual([paused.losses, paused.tensors], [whole.losses, whole.tensors]);
  const other = await train(planOf({ seed: 2, steps: 3 }));
  assert.notDeepEqual(other.losses, whole.losses.slice(0, 3));
});

test("a run that was saved continues with the same bits", async () => {
  const act = (training, step) => {
    if (step === 100) training.want("save");
    if (step === 105) training.want("stop");
  };
  const first = await train(planOf(), { act });
  assert.equal(first.ended, "stop");
  assert.equal(first.heldOut.at(-1)[0], 105);
  const rest = await train(planOf(), { saved: structuredClone(first.saved) });
  assert.deepEqual([...first.losses.slice(0, 100), ...rest.losses], whole.losses);
  assert.deepEqual(rest.tensors, whole.tensors);
  first.saved.state.steps = 109; // a machine that was slower has left steps out
  assert.equal((await train(planOf(), { saved: first.saved })).losses.length, 9);
});

test("fine-tuning keeps what the model knows", async () => {
  const network = { embedding: 16, hidden: 24, layers: 1 };
  const parent = { vocab: planOf().vocab, network, tensors: whole.tensors };
  const text = sentences(100, 5).replaceAll("mat", "Sofa");
  const [tuned, scratch] = [await train(planOf({ text, parent, steps: 20 })), await train(planOf({ text, steps: 20 }))];
  assert.ok(tuned.heldOut.at(-1)[1] < scratch.heldOut.at(-1)[1] - 0.3);
  assert.ok(tuned.losses[0] < scratch.losses[0] - 0.5);
});

test("a loss that is not finite ends the run, and the weights before it were reported", async () => {
  const act = (training, step) => step === 15 && (training.plan.recipe.rate = Infinity);
  const { ended, losses, heldOut, tensors } = await train(planOf(), { act });
  assert.equal(ended, "diverged");
  assert.equal(losses.length, 16);
  assert.ok(heldOut.length);
  assert.ok(Object.values(tensors).every((values) => values.every(Number.isFinite)));
});
