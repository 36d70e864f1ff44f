// The colours of values between -1 and 1: blue, the background, orange, as light or dark as the page.

import { html } from "../vendor/preact.js";

const SWATCHES = ["n4", "n3", "n2", "n1", "", "p1", "p2", "p3", "p4"];
const NUMBERS = { n4: "−1", "": "0", p4: "1" };
const LIGHT = [0x08407e, 0xffffff, 0x7a2f04]; // blue, background, orange
const DARK = [0x67abdd, 0x1c1917, 0xee9a45];
const tables = /** @type {Map<boolean, Uint32Array>} */ (new Map());

/** A text and the scale of the colours. @param {{children: string}} properties */
export function Scale({ children }) {
  const swatches = SWATCHES.map((mark) => html`<span class=${"swatch " + mark}>${NUMBERS[mark]}</span>`);
  return html`<p class="legend">${children} <span class="swatches">${swatches}</span></p>`;
}

/** @returns {Uint32Array} for pictures: the pixel of each byte value from -128 to 127 */
export function shadesNow() {
  const { colorScheme } = getComputedStyle(document.body); // "light dark" follows the browser
  const isDark =
    colorScheme === "light dark" ? matchMedia("(prefers-color-scheme: dark)").matches : colorScheme === "dark";
  if (!tables.has(isDark)) tables.set(isDark, makeTable(isDark ? DARK : LIGHT));
  return tables.get(isDark);
}

/** @param {number[]} colours */
function makeTable(colours) {
  const [low, zero, high] = colours.map((each) => [each >> 16, (each >> 8) & 255, each & 255]);
  const shades = Array.from({ length: 256 }, (_, at) => {
    const share = Math.min(1, Math.abs(at - 128) / 127);
    const end = at < 128 ? low : high;
    return [...zero.map((part, n) => part + share * (end[n] - part)), 255];
  });
  return new Uint32Array(new Uint8ClampedArray(shades.flat()).buffer);
}
