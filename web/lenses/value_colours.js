/** The colours of values between -1 and 1, for pictures: blue, the background, orange, as light or dark as the page. */

const LIGHT = [[8, 64, 126], [255, 255, 255], [122, 47, 4]];
const DARK = [[103, 171, 221], [28, 25, 23], [238, 154, 69]];
const tables = /** @type {Map<boolean, Uint32Array>} */ (new Map());

/** @returns {Uint32Array} the pixel of each byte value from -128 to 127 */
export function shadesNow() {
  const isDark = document.body.classList.contains("dark");
  if (!tables.has(isDark)) tables.set(isDark, makeTable(isDark ? DARK : LIGHT));
  return tables.get(isDark);
}

/** @param {number[][]} ends blue, background, orange */
function makeTable([low, zero, high]) {
  const shades = Array.from({ length: 256 }, (_, at) => {
    const share = Math.min(1, Math.abs(at - 128) / 127);
    const end = at < 128 ? low : high;
    return [...zero.map((part, n) => part + share * (end[n] - part)), 255];
  });
  return new Uint32Array(new Uint8ClampedArray(shades.flat()).buffer);
}
