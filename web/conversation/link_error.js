// Why a link cannot be followed or made. Apart from links.js, which few visitors need at once.

export const NUMBER = /^-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?$/;

/** @import { Message } from "../engines/engine.js" */

/** A link cannot be followed or made. */
export class LinkError extends Error {
  constructor(id, values = {}) {
    super(id);
    this.reason = /** @type {Message} */ ({ id, values });
  }
}

/** A value of a link for a message: a number as it is, any other text in quotes. */
export function shortened(text) {
  const short = text.length > 40 ? `${text.slice(0, 40)} …` : text;
  return NUMBER.test(text) ? short : `'${short}'`;
}
