// The colours of surprise: a class for each range of bits.

export const BOUNDS = [1, 2, 3, 4, 6, 8]; // bits: a colour below the first, one between each two, one from the last on
export const UNKNOWN = -1; // instead of bits

/** The class of a character's colour: b and a number that grows with its bits. @param {number} bits */
export function colourOf(bits) {
  const level = BOUNDS.findIndex((bound) => bits < bound);
  return `b${level < 0 ? BOUNDS.length : level}`;
}

/** A welcome text without a lens: the colours of the lens "How surprised?". @type {import("./state.js").Lens} */
export const WELCOME = {
  offersChoices: true,
  mark: (bits) => (bits === null || bits === UNKNOWN ? "" : colourOf(bits)),
};
