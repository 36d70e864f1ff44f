// What a text engine refuses, and which models only this browser has.

/** @import { Message } from "./engine.js" */

/**
 * Whether a model is one that was trained in a browser and that only this browser has: local/NAME.
 * @param {string} name
 */
export function isLocal(name) {
  return name.startsWith("local/");
}

/** An engine does not start a reply; `reason` is the message for the visitor. */
export class Refusal extends Error {
  /**
   * @param {Message} reason
   * @param {boolean} gone whether the model or its commit is no longer served, so that the page must ask for the site
   */
  constructor(reason, gone = false) {
    super(reason.id);
    this.name = "Refusal";
    this.reason = reason;
    this.gone = gone;
  }
}
