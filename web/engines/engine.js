// The interface of a text engine, which generates text and computes what the lenses show. engines/server.js uses the app's
// routes, engines/worker_engine.js a Web Worker of this browser; no other module depends on which one is used. After the types:
// the error of a refused request, names of models, clamps along a text, random ids and hashes, a pause, the length of a text.
//
// All positions and lengths are in code points.

/**
 * @typedef {{id: string, values?: Record<string, unknown>}} Message a text of the page, see document/words.js
 * @typedef {[layer: number, cell: number, value: number]} Clamp a cell that is set to a value
 * @typedef {[position: number, clamps: Clamp[]][]} ClampsOfText the cells that are clamped from the step on that reads
 *   the character at a position; -1 is the start character
 * @typedef {{name: string, commit: string}} ModelRef the commit is "" for a model in a folder
 * @typedef {{prefix: string, suffix: string, stop: string}} ChatFormat see conversation/replies.js
 *
 * @typedef {{temperature: number, [filter: string]: any}} Sampling the temperature, and the settings that remove unlikely characters before the
 *   draw: see `samplingOf` in settings.js
 * @typedef {Sampling & {length: number, seed: number, share?: number | null}} Settings also how many characters are written
 *   at most, and the weight of the second model of a blend, 0 to 1
 *
 * The text that a model has read since its state was zero.
 * @typedef {object} ReadText
 * @property {ModelRef} model
 * @property {ModelRef | null} second the other model of a blend
 * @property {string} text
 * @property {boolean} start whether the model read its start character, a line end, before the text
 * @property {ClampsOfText} clamps
 *
 * How a reply is drawn.
 * @typedef {object} WriteOptions
 * @property {Settings & {stop: string}} settings the reply ends before `stop`; "" is never
 * @property {number} draw_offset the index of the first character among the draws of the seed
 * @property {Clamp[]} cells the cells that are clamped in the steps that draw
 * @property {number | null} speed characters per second; null is full speed
 * @property {string} received the characters of this reply that the page has already
 *
 * @typedef {object} Sender
 * @property {string} id of the reply, random
 * @property {number[]} boundaries lengths of beginnings of the text whose state the engine may have cached
 * @property {string} client random, of this browser
 * @typedef {ReadText & WriteOptions & Sender} WriteRequest
 *
 * @typedef {object} Ending
 * @property {"length" | "stop" | "blocked" | "abort" | "time" | "error"} end
 * @property {Message | null} error
 * @property {number | null} rate characters per second
 *
 * @typedef {object} NamedCell
 * @property {number} layer
 * @property {number} index
 * @property {string} name of the feature that the cell follows
 * @property {"auc" | "r"} kind of its score
 * @property {number} score
 * @property {number} chance the largest score with the feature shifted along the text
 * @property {number} last_three the score of a table of three characters
 * @property {boolean} remembers whether that table alone would not earn the name
 * @property {boolean} [passages] whether passages are known in which it is highest and lowest
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {string} commit
 * @property {Message | null} failure why it cannot be used
 * @property {boolean} loading
 * @property {Message[]} about
 * @property {string} welcome a text that the model wrote from a zero state, with the default settings
 * @property {number} welcome_seed the seed of this text
 * @property {string[]} examples prompts
 * @property {ChatFormat | null} chat
 * @property {number} layers
 * @property {number} hidden cells per layer
 * @property {string[]} vocab
 * @property {NamedCell[]} cells
 * @property {boolean} samples whether samples of its training are stored
 * @property {string} version of int8 inference, or "float32"
 *
 * @typedef {object} Site
 * @property {string} version changes when the models change
 * @property {number | null} again_s seconds until the next request; null if nothing can change
 * @property {string} title the owner's; "" for the page's own
 * @property {string} welcome the owner's text below the title; "" for the page's own
 * @property {Message[]} notices
 * @property {Model[]} models
 * @property {string} address of the page, for links; "" if it is the address that the visitor has open
 * @property {boolean} [lenses] false if the owner has turned the lenses off
 *
 * @typedef {object} Receiver gets a reply while it is written
 * @property {(text: string, bits?: number[]) => void} onText the next characters, and the surprisal of each; without it if the
 *   owner has turned the lenses off
 * @property {(messages: Message[]) => void} [onStatus] why the reply has to wait; [] if it does not
 *
 * What a lens requests: the surprisal of the characters from a position on (`from`), everything about one character (`at`),
 * or how much the characters before it mattered (`why`).
 * @typedef {object} TraceQuestion
 * @property {number} [from]
 * @property {number} [at]
 * @property {number} [why]
 * @property {[layer: number, cell: number]} [cell]
 * @property {number} [layer]
 * @property {Drawn} [step]
 *
 * @typedef {{settings: Settings | null, draw: number | null, picked: boolean}} Drawn how a character was drawn: the
 *   number of its draw; null if it was not drawn
 *
 * @typedef {object} TracedPart
 * @property {string} trace the id of the text, random
 * @property {string} server the id of the server that has the text, from an earlier answer; "" for none
 * @property {ModelRef} model
 * @property {ModelRef | null} second
 * @property {boolean} start
 * @property {number | null} share
 * @property {number} length of the whole text
 * @property {{at: number, text: string}} tail the text is the first `at` characters that the engine has of this id,
 *   then `text`
 * @property {ClampsOfText} clamps
 * @typedef {TracedPart & TraceQuestion} TraceQuery
 *
 * @typedef {object} TraceAnswer
 * @property {Message} [refusal]
 * @property {boolean} [unknown] whether the engine does not have the beginning of the text
 * @property {string} [server]
 *
 * The answer to `from`:
 * @property {(number | null)[]} [bits] surprisal of the next characters: -1 for one that the model does not have, null
 *   without a prediction
 * @property {boolean} [more] whether characters are left; with `why`: whether the same request must be sent again
 * @property {(number | null)[]} [values] -127 to 127, of the cell
 * @property {Int8Array} [columns] the values of the layer at the last characters of `bits`
 *
 * The answer to `at`:
 * @property {[character: string, logit: number][]} [top] the most likely characters
 * @property {number[]} [rest] other logits
 * @property {number[]} [gates] i, f, g, o of the cell
 * @property {boolean} [held] whether the cell was clamped
 * @property {[before: number, after: number]} [cell] its c
 * @property {StepAnswer} [step]
 *
 * The answer to `why`:
 * @property {number | null} [surprisal] of the character, in bits
 * @property {number} [start] the position of the first character that was left out
 * @property {(number | null)[]} [changes] how many bits more the character costs without each character from `start` on
 *
 * How a character was computed, see worker/trace.js. It is empty if the model had read nothing before it.
 * @typedef {object} StepAnswer
 * @property {boolean} [mixed] whether two models are blended; then the other fields are missing
 * @property {string} [read] the character that was read
 * @property {number} [id] its id
 * @property {Int8Array} [row] of the embedding
 * @property {LayerStep[]} [layers]
 * @property {[character: string, share: number][]} [likely]
 * @property {[character: string, from: number, to: number][]} [strip] the shares side by side
 * @property {number} [temperature]
 * @property {[name: string, value: number][]} [filters]
 * @property {{seed: number, number: number, value: number} | null} [draw]
 * @property {boolean} [picked]
 * @property {{V: number, E: number, H: number}} [sizes] of vocabulary, embedding and layer
 *
 * @typedef {{bytes: Int8Array, cell: number[], held: boolean}} LayerStep h, c, i, f, g, o, c after and h after:
 *   of all cells in bytes, and of one cell
 *
 * @typedef {object} PassagesAnswer where a cell is highest and lowest, the most extreme first
 * @property {Message} [refusal]
 * @property {number | null} [seed] with which the model wrote the text; null for held-out text
 * @property {[before: string, character: string, after: string][]} [high]
 * @property {[before: string, character: string, after: string][]} [low]
 *
 * @typedef {object} SamplesAnswer
 * @property {Message} [refusal]
 * @property {[step: number, text: string][]} [samples] what the model wrote after steps of its training, oldest first
 *
 * @typedef {object} TextEngine
 * @property {() => Promise<Site>} site
 * @property {(request: WriteRequest, receiver: Receiver, signal: AbortSignal) => Promise<Ending>} write
 *   throws Refusal if nothing was written
 * @property {(query: TraceQuery) => Promise<TraceAnswer>} trace
 * @property {(query: {model: ModelRef, cell: [layer: number, index: number]}) => Promise<PassagesAnswer>} passages
 * @property {(model: ModelRef) => Promise<SamplesAnswer>} samples
 * @property {(query: {model: ModelRef, second: ModelRef | null, texts: string[]}) => Promise<void>} [check]
 *   throws Refusal if a text may not be shown
 * @property {(name: string) => Promise<Model>} [add] loads another model of the Hub, or a local one
 * @property {(name: string, files: Record<string, Uint8Array>) => Promise<void>} [give] takes the files of a local model
 *   that the browser could not store
 * @property {(part: number) => void} [onProgress] called with the downloaded part of a model, 0 to 1
 */

/** Returns whether only this browser has a model, trained or opened in it: local/NAME. @param {string} name */
export function isLocal(name) {
  return name.startsWith("local/");
}

/** Returns the name of a model for visitors: without the owner, if only this browser has it. @param {string} name */
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

/**
 * Returns the clamps that apply at a position.
 * @param {ClampsOfText} clamps in the order of their positions
 * @param {number} position
 * @returns {Clamp[]}
 */
export function clampsAt(clamps, position) {
  return clamps.findLast(([from]) => from <= position)?.[1] ?? [];
}

/**
 * Returns the first position at which two lists differ; Infinity if they are equal.
 * @param {ClampsOfText} old
 * @param {ClampsOfText} changed
 */
export function firstChange(old, changed) {
  for (let at = 0; at < Math.max(old.length, changed.length); at++) {
    const [before, after] = [old[at], changed[at]];
    if (JSON.stringify(before) !== JSON.stringify(after))
      return Math.min(before?.[0] ?? Infinity, after?.[0] ?? Infinity);
  }
  return Infinity;
}

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns a random id of 32 hex digits. */
export function randomId() {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

/** Returns the SHA-256 of bytes; null where the browser has none (over http, except localhost). @param {BufferSource} bytes */
export async function sha256(bytes) {
  return globalThis.crypto?.subtle ? hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) : null;
}

/** Resolves after some milliseconds. @param {number} ms */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Returns the number of code points of a text; all positions are in code points. @param {string} text */
export function count(text) {
  let found = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00)
      [found, at] = [found - 1, at + 1];
  }
  return found;
}
