// The interface of a text engine: what generates the text and reads it again. engines/server.js asks the app's routes,
// engines/worker_engine.js a Web Worker of this browser; no other module knows which one it has.
//
// All positions and lengths are in code points.

/**
 * @typedef {{id: string, values?: Record<string, unknown>}} Message a text of the page, see words.js
 * @typedef {[layer: number, cell: number, value: number]} Clamp a cell that is set to a value
 * @typedef {[position: number, clamps: Clamp[]][]} ClampsOfText the cells that are clamped from the step on that reads
 *   the character at a position; -1 is the start character
 * @typedef {{name: string, commit: string}} ModelRef the commit is "" for a model in a folder
 */

/**
 * @typedef {object} Settings
 * @property {number} length characters, at most
 * @property {number} temperature
 * @property {number} top_k
 * @property {number} top_p
 * @property {number} min_p
 * @property {number} seed
 * @property {string} stop the reply ends before this text; "" is never
 * @property {number | null} share the weight of the second model of a blend, 0 to 1
 */

/**
 * All that a model has read since its memory was empty.
 * @typedef {object} ReadText
 * @property {ModelRef} model
 * @property {ModelRef | null} second the other model of a blend
 * @property {string} text
 * @property {boolean} start whether the model read its start character, a line end, before the text
 * @property {ClampsOfText} clamps
 */

/**
 * @typedef {object} WriteOptions
 * @property {Settings} settings
 * @property {number} draw_offset the index of the first character among the draws of the seed
 * @property {Clamp[]} cells the cells that are clamped in the steps that draw
 * @property {number | null} speed characters per second; null is as fast as possible
 * @property {string} id of the reply, random
 * @property {string} received the characters of this reply that the page has already
 * @property {number[]} boundaries lengths of beginnings of the text whose state the engine may still have
 * @property {string} client random, of this browser
 * @typedef {ReadText & WriteOptions} WriteRequest
 */

/**
 * @typedef {object} Ending
 * @property {"length" | "stop" | "blocked" | "abort" | "time" | "error"} end
 * @property {Message | null} error
 * @property {number | null} rate characters per second
 */

/**
 * @typedef {object} Model
 * @property {string} name
 * @property {string} commit
 * @property {Message | null} failure why it cannot be used
 * @property {boolean} loading
 * @property {Message[]} about
 * @property {string} welcome a text that it wrote from an empty memory
 * @property {string[]} examples prompts
 * @property {{prefix: string, suffix: string, stop: string} | null} chat
 * @property {number} layers
 * @property {number} hidden cells per layer
 * @property {string[]} vocab
 * @property {object[]} cells named cells: layer, index, name, kind, score, chance, last_three, remembers
 * @property {boolean} exact whether its text is the same on every machine
 * @property {number | "float32"} version of int8 inference
 */

/**
 * @typedef {object} Site
 * @property {string} version changes when the models change
 * @property {number | null} again_s seconds after which the page may ask again
 * @property {string} title
 * @property {string} welcome "" for the page's own
 * @property {Message[]} notices
 * @property {Model[]} models
 * @property {string} address of the page, for links; "" if it is the address that the visitor has open
 */

/**
 * @typedef {object} Receiver gets a reply while it is written
 * @property {(text: string) => void} onText the next characters
 * @property {(messages: Message[]) => void} [onStatus] what the reply waits for; [] is nothing
 * @property {(messages: Message[]) => void} [onActivity] what else the engine does
 */

/**
 * @typedef {object} TraceQuery
 * @property {string} trace the id of the text, random
 * @property {string} server that read it before; "" for none
 * @property {ModelRef} model
 * @property {ModelRef | null} second
 * @property {boolean} start
 * @property {number | null} share
 * @property {number} length of the whole text
 * @property {{at: number, text: string}} tail the text is the first `at` characters that the engine has of this id,
 *   then `text`
 * @property {ClampsOfText} clamps
 * @property {number} [from] asks for the surprisal of the characters from this position on
 * @property {number} [at] asks for one character
 * @property {[layer: number, cell: number]} [cell]
 * @property {number} [layer]
 * @property {{settings: Settings | null, draw: number | null, picked: boolean}} [step]
 */

/**
 * @typedef {object} TextEngine
 * @property {() => Promise<Site>} site
 * @property {(request: WriteRequest, receiver: Receiver, signal: AbortSignal) => Promise<Ending>} write
 *   throws Refusal if nothing was written
 * @property {(query: TraceQuery) => Promise<object>} trace the answer has `refusal` or `unknown` if there is none
 * @property {(query: object) => Promise<object>} timeline
 * @property {(query: {model: ModelRef, second: ModelRef | null, texts: string[]}) => Promise<void>} [check]
 *   throws Refusal if a text may not be shown
 */

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
