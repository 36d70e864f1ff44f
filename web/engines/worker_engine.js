// The text engine in this browser: starts a Web Worker and sends each call to it as a message, see worker/worker.js.

import { INT8_VERSION, LIMITS } from "../settings.js";
import { Refusal } from "./engine.js";

/**
 * @import { Model, Receiver, Site, TextEngine } from "./engine.js"
 * @typedef {{resolve: (result: any) => void, reject: (error: Error) => void, receiver?: Receiver}} Call
 */

/** @implements {TextEngine} */
export class WorkerEngine {
  #worker;
  #calls = /** @type {Map<number, Call>} */ (new Map()); // by their numbers
  #last = 0;
  #failure = /** @type {Refusal | null} */ (null);
  onProgress = /** @type {(part: number) => void} */ (() => {}); // called with the downloaded part of a model, 0 to 1

  /**
   * @param {object} options
   * @param {string} options.home the address of the folder of the model; "" if there is no model beside the page
   * @param {string} options.hub the address of the Hub
   * @param {string[]} options.models models of the Hub that the page offers, "user/name" or "user/name@revision"; [] is the
   *   model beside the page
   */
  constructor({ home, hub, models }) {
    this.#worker = new Worker(new URL("../worker/worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#worker.onerror = ({ message }) => this.#fail(message || "no module workers");
    this.#worker.postMessage({ home, hub, models, version: INT8_VERSION, limits: LIMITS });
  }

  /** @returns {Promise<Site>} */
  site() {
    return this.#call("site");
  }

  /**
   * Loads another model of the Hub; after that `site` contains it.
   * @param {string} name user/name, or user/name@revision
   * @returns {Promise<Model>} with a failure if it cannot be loaded
   */
  add(name) {
    return this.#call("add", name);
  }

  /** @type {TextEngine["give"]} */
  give(name, files) {
    return this.#call("give", { name, files });
  }

  /** @type {TextEngine["write"]} */
  async write(request, receiver, signal) {
    if (signal.aborted) return { end: "abort", error: null, rate: null };
    const call = ++this.#last;
    const abort = () => this.#worker.postMessage({ abort: call });
    signal.addEventListener("abort", abort, { once: true });
    let isStarted = false;
    const onText = (text, bits) => {
      isStarted = true;
      receiver.onText(text, bits);
    };
    try {
      return await this.#call("write", request, { ...receiver, onText }, call);
    } catch (error) {
      if (error instanceof Refusal && !isStarted) throw error;
      const message = error instanceof Refusal ? error.reason : { id: "fault.model", values: { error: error.message } };
      return { end: "error", error: message, rate: null };
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** @type {TextEngine["trace"]} */
  trace = (query) => this.#answer("trace", query);

  /** @type {TextEngine["passages"]} */
  passages = (query) => this.#answer("passages", query);

  /** @type {TextEngine["samples"]} */
  samples = (model) => this.#answer("samples", model);

  // Returns the answer of a method; a refusal is returned as {refusal}.
  #answer(name, query) {
    return this.#call(name, query).catch((error) => {
      if (error instanceof Refusal) return { refusal: error.reason };
      console.error(error);
      return { refusal: { id: "fault.again" } };
    });
  }

  /** @param {string} name @param {unknown} [argument] @param {Receiver} [receiver] @returns {Promise<any>} */
  #call(name, argument, receiver, call = ++this.#last) {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      this.#calls.set(call, { resolve, reject, receiver });
      this.#worker.postMessage({ call, name, argument });
    });
  }

  #receive({ call, part, text, bits, status, result, refusal, fault }) {
    if (part !== undefined) return this.onProgress(part);
    if (!this.#calls.has(call)) return; // the worker has failed meanwhile
    const { resolve, reject, receiver } = this.#calls.get(call);
    if (text) return receiver.onText(text, bits);
    if (status) return receiver?.onStatus?.(status);
    this.#calls.delete(call);
    if (refusal) reject(new Refusal(refusal));
    else if (fault) reject(new Error(fault));
    else resolve(result);
  }

  #fail(reason) {
    this.#failure = new Refusal({ id: "static.no_workers", values: { reason } });
    for (const { reject } of this.#calls.values()) reject(this.#failure);
    this.#calls.clear();
  }
}
