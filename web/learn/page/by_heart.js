// Whether a network begins to learn its text by heart: the loss on the held-out text rises while the training loss falls.

const RISE = 0.02; // the part by which the held-out loss is above its lowest value, at least
const TIMES = 2; // measured so often in a row: one measurement may be an exception

/**
 * Returns the step with the lowest held-out loss, that loss and the last one; null unless the last one has clearly risen.
 * The training loss must have fallen since: while both rise, as after the first steps of fine-tuning, the network still adapts.
 * @param {import("../run.js").Curve} curve
 */
export function byHeart({ training, heldOut }) {
  const lowest = Math.min(...heldOut.map(([, loss]) => loss));
  const recent = heldOut.slice(-TIMES);
  if (recent.length < TIMES || !recent.every(([, loss]) => loss > (1 + RISE) * lowest)) return null;
  const step = heldOut.findLast(([, loss]) => loss === lowest)[0];
  const [before, now] = [training.findLast(([each]) => each <= step), training.at(-1)];
  return before && now[1] < before[1] ? { step, lowest, last: recent.at(-1)[1] } : null;
}
