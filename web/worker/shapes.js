// The tensors of a network, by the names of nn.LSTM.

/** @typedef {{vocab: number, embedding: number, hidden: number, layers: number}} Sizes */

/**
 * Returns the shape of each tensor, in the order of the learner's memory (learn/source/learner.c).
 * @param {Sizes} sizes
 * @returns {Record<string, number[]>}
 */
export function shapesOf({ vocab, embedding, hidden, layers }) {
  const shapes = { "embedding.weight": [vocab, embedding], "output.weight": [vocab, hidden], "output.bias": [vocab] };
  for (let layer = 0; layer < layers; layer++) {
    shapes[`lstm.weight_ih_l${layer}`] = [4 * hidden, layer ? hidden : embedding];
    shapes[`lstm.weight_hh_l${layer}`] = [4 * hidden, hidden];
    shapes[`lstm.bias_ih_l${layer}`] = shapes[`lstm.bias_hh_l${layer}`] = [4 * hidden];
  }
  return shapes;
}

/** How many numbers a tensor of a shape has. @param {number[]} shape */
export function countOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** How many numbers all tensors have. @param {Sizes} sizes */
export function parametersOf(sizes) {
  return Object.values(shapesOf(sizes)).reduce((total, shape) => total + countOf(shape), 0);
}
