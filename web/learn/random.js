// Random numbers as a function of a seed and an index, as in source/random.h.

function mix(x) {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * Returns number `index` of a stream: a whole number from 0 to 2^32 - 1.
 * @param {number} seed
 * @param {number} index
 */
export function randomAt(seed, index) {
  return mix(mix(seed >>> 0) ^ mix((index + 0x9e3779b9) >>> 0));
}

/**
 * Fills an array with numbers of a uniform distribution.
 * @param {Float32Array} target
 * @param {number} limit the numbers are from -limit to limit
 * @param {number} seed
 */
export function fillUniform(target, limit, seed) {
  for (let n = 0; n < target.length; n++) target[n] = (randomAt(seed, n) / 2 ** 31 - 1) * limit;
}

/**
 * Fills an array with numbers of a normal distribution (Box and Muller 1958).
 * @param {Float32Array} target
 * @param {number} deviation
 * @param {number} seed
 */
export function fillNormal(target, deviation, seed) {
  for (let n = 0; n < target.length; n++) {
    const [u, v] = [(randomAt(seed, 2 * n) + 1) / (2 ** 32 + 1), randomAt(seed, 2 * n + 1) / 2 ** 32];
    target[n] = deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
  }
}
