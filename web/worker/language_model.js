// A model that reads characters and predicts the next one: one network, or two that write together. The rules are those
// of docs/int8-inference.md.

/**
 * @import { Clamp } from "../engines/engine.js"
 * @import { NetworkState } from "./int8_inference.js"
 * @import { LoadedModel } from "./models.js"
 * @typedef {NetworkState[]} State one part for each network
 */

/** A model, or two as one: then its vocabulary are the characters that both have, in the order of the first. */
export class LanguageModel {
  #networks;
  #ids; // the ids of the characters in each network's vocabulary
  #mixed;

  /** @param {LoadedModel[]} models one or two */
  constructor(models) {
    const [first, second] = models;
    const rare = models.map((model) => model.rare); // stands for other characters in each model
    this.key = models.map(({ key }) => key).join(" + ");
    this.vocab = second
      ? first.vocab.filter((character) => second.ids.has(character) && !rare.includes(character))
      : first.vocab;
    this.ids = second ? new Map(this.vocab.map((character, id) => [character, id])) : first.ids;
    this.startId = this.ids.get("\n") ?? this.ids.get(" ") ?? 0;
    this.isBlend = Boolean(second);
    this.layers = models.reduce((total, { sizes }) => total + sizes.layers, 0);
    this.hidden = Math.max(...models.map(({ sizes }) => sizes.hidden));
    this.#networks = models.map(({ network }) => network);
    this.#ids = models.map((model) => this.vocab.map((character) => model.ids.get(character)));
    this.#mixed = new Float32Array(this.vocab.length);
  }

  /** Returns the id of each character of a text: -1 for one that the model does not have. @param {string[]} characters */
  idsOf(characters) {
    return characters.map((character) => this.ids.get(character) ?? -1);
  }

  /** The network, if it is one. */
  get network() {
    return this.#networks[0];
  }

  /** @returns {State} the state before any character */
  zeros() {
    return this.#networks.map((network) => network.zeros());
  }

  /**
   * Reads a character: changes the state in place.
   * @param {number} id
   * @param {State} state
   * @param {Clamp[]} clamps the cells that are clamped in this step
   */
  read(id, state, clamps = []) {
    this.#networks.forEach((network, at) => network.read(this.#ids[at][id], state[at], clamps));
  }

  /**
   * Returns the prediction of the next character, until the next call.
   * @param {State} state
   * @param {number} share the weight of the second model of a blend
   */
  predict(state, share) {
    const [first, second] = this.#networks.map((network, at) => network.predict(state[at]));
    if (!second) return first;
    const [ofFirst, ofSecond] = this.#ids;
    for (let id = 0; id < this.#mixed.length; id++) {
      this.#mixed[id] = (1 - share) * first[ofFirst[id]] + share * second[ofSecond[id]]; // in float64, rounded once
    }
    return this.#mixed;
  }

  /**
   * Returns the prediction that the first layer alone would give: the output layer applied to its h ("logit lens",
   * nostalgebraist 2020). Null for a network of one layer, and for a blend.
   * @param {State} state
   */
  predictByFirstLayer([state]) {
    return this.isBlend || this.layers === 1 ? null : this.network.predict(state, 0);
  }

  /**
   * Returns the c of a cell. The layers of a blend are those of the first model, then those of the second; the narrower
   * network is padded with zeros.
   * @param {State} state
   * @param {number} layer
   * @param {number} cell
   */
  cell(state, layer, cell) {
    const [at, own, { hidden }] = this.#locate(layer);
    return cell < hidden ? state[at].c[own * hidden + cell] : 0;
  }

  /**
   * Returns the gates i, f, g, o of a layer, 4 times `hidden` numbers.
   * @param {number} layer
   * @param {number} id the character that was read
   * @param {State} before
   * @param {State} after
   */
  gates(layer, id, before, after) {
    const [at, own, { hidden }] = this.#locate(layer);
    const of = (state, layer) => state[at].h.subarray(layer * hidden, (layer + 1) * hidden);
    const below = own ? of(after, own - 1) : null;
    const gates = this.#networks[at].gates(own, this.#ids[at][id], below, of(before, own));
    if (hidden === this.hidden) return gates;
    const padded = new Float32Array(4 * this.hidden);
    for (let n = 0; n < 4; n++) padded.set(gates.subarray(n * hidden, (n + 1) * hidden), n * this.hidden);
    return padded;
  }

  // The network that has a layer, the layer's number in it, and the network's sizes.
  #locate(layer) {
    const { sizes } = this.#networks[0];
    const isFirst = layer < sizes.layers;
    return isFirst ? [0, layer, sizes] : [1, layer - sizes.layers, this.#networks[1].sizes];
  }
}

/** Returns a copy of a state. @param {State} state */
export function copyOf(state) {
  return state.map(({ h, c }) => ({ h: h.slice(), c: c.slice() }));
}
