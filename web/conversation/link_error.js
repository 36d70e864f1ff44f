// The error of a link. Not part of links.js, which is imported only when a link is read or made.

export const NUMBER = /^-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?$/;
export const CLAMP = /^(\d{1,3})\.(\d{1,5})~(-?\d{1,2}(?:\.\d{1,20})?(?:e-\d{1,3})?)$/;
export const MODEL = /^(.+)@([0-9a-f]{40})$/s;

/** @import { Message } from "../engines/engine.js" */

/** A link is not valid here, or cannot be made; `reason` is the message for the visitor. */
export class LinkError extends Error {
  constructor(id, values = {}) {
    super(id);
    this.reason = /** @type {Message} */ ({ id, values });
  }
}

/** Returns a value of a link for a message: a number as it is, any other text in quotes, at most 40 characters. */
export function shortened(text) {
  const short = text.length > 40 ? `${text.slice(0, 40)} …` : text;
  return NUMBER.test(text) ? short : `'${short}'`;
}
