// The error of a request or a link that is refused, and the names of models that only this browser has.

/** @import { Message } from "./engine.js" */

/**
 * Returns whether only this browser has a model, which was trained or opened in it: local/NAME.
 * @param {string} name
 */
export function isLocal(name) {
  return name.startsWith("local/");
}

/**
 * Returns the name of a model as visitors read it: without the owner, if only this browser has the model.
 * @param {string} name
 */
export function shownName(name) {
  return isLocal(name) ? name.slice(name.indexOf("/") + 1) : name;
}

/** A request is refused; `reason` is the message for the visitor. */
export class Refusal extends Error {
  /**
   * @param {Message} reason
   * @param {boolean} gone whether the model or its commit is no longer served, so that the page must request the site again
   */
  constructor(reason, gone = false) {
    super(reason.id);
    this.name = "Refusal";
    this.reason = reason;
    this.gone = gone;
  }
}

/** Returns the refusal with a message. @param {string} id @param {Record<string, unknown>} [values] */
export function refusal(id, values = {}) {
  return new Refusal({ id, values });
}

export const NUMBER = /^-?[0-9]{1,20}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?$/;

/** Returns a value of a link for a message: a number as it is, any other text in quotes, at most 40 characters. @param {string} text */
export function shortened(text) {
  const short = text.length > 40 ? `${text.slice(0, 40)} …` : text;
  return NUMBER.test(text) ? short : `'${short}'`;
}
