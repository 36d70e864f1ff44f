// A worker that computes a part of each batch: the trainer calls its functions by name, and gets each result in an answer.

import { Learner } from "./learner.js";

let learner = /** @type {Learner | null} */ (null);

const FUNCTIONS = {
  create: (given) => void (learner = new Learner(given)),
  gradients: (step, rates) => ({ loss: learner.gradients(step, rates), gradient: learner.gradient.slice() }),
  update: (gradient, number, rates) => {
    learner.gradient.set(gradient); // the sum of all workers
    learner.update(number, rates);
  },
  evaluate: (most) => learner.evaluate(most),
  carried: () => learner.state.slice(),
};

onmessage = ({ data: [name, ...given] }) => postMessage(FUNCTIONS[name](...given));
