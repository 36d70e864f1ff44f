// What the lens Step shows: how one character was computed. The answer is that of ui/routes/lenses/step_lens.py.

import { mostLikely, randomNumber, weightsOf } from "../sampling.js";
import { limits } from "../limits.js";
import { byteOf, rounded } from "../numbers.js";

const THIN = 0.004; // of the strip: narrower shares are left out

/**
 * @import { Drawn, LayerStep, StepAnswer } from "../../engines/engine.js"
 * @import { TextReader } from "../text_reader.js"
 */

/**
 * Describes how the character at a position was computed; {} if the model had read no character before it.
 * @param {TextReader} reader
 * @param {number} at the position
 * @param {number} cell the cell whose numbers are shown for each layer
 * @param {Drawn} drawn
 * @returns {Promise<StepAnswer>}
 */
export async function describeStep(reader, at, cell, { settings, draw, picked }) {
  const { ids, lm } = reader;
  const before = ids.slice(0, at).findLastIndex((id) => id >= 0);
  if (before < 0 && !reader.start) return {};
  if (lm.isBlend) return { mixed: true };
  if (before >= 0) await reader.goTo(before);
  const step = reader.step(before);
  const { FILTERS, SAMPLING, SETTINGS } = await import("../../settings.js");
  const used = settings ?? { ...SAMPLING, temperature: 1, seed: 0 }; // of a text that was not drawn
  const { sizes, embedding } = lm.network;
  const row = embedding.subarray(step.id * sizes.embedding, (step.id + 1) * sizes.embedding);
  const shown = Math.min(cell, sizes.hidden - 1);
  return {
    read: lm.vocab[step.id],
    id: step.id,
    row: bytesOfRow(row),
    layers: Array.from({ length: sizes.layers }, (_, layer) => describeLayer(lm, step, layer, shown)),
    ...describeShares(lm.predict(step.after, reader.share), used, lm.vocab, ids[at]),
    temperature: used.temperature,
    filters: FILTERS.filter((name) => used[name] !== SETTINGS[name].default).map((name) => [
      SETTINGS[name].label,
      used[name],
    ]),
    draw: settings && draw !== null ? describeDraw(used.seed, draw) : null,
    picked: Boolean(picked),
    sizes: { V: sizes.vocab, E: sizes.embedding, H: sizes.hidden },
  };
}

function bytesOfRow(row) {
  const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return Int8Array.from(row, (value) => byteOf(Math.fround(value / largest)));
}

/** @returns {LayerStep} */
function describeLayer(lm, { id, before, after, clamps }, layer, cell) {
  const { hidden } = lm.network.sizes;
  const part = (values) => values.subarray(layer * hidden, (layer + 1) * hidden);
  const outputs = ({ h }) => Float32Array.from(part(h), (each) => each / 127);
  const [[old], [changed]] = [before, after];
  const all = lm.gates(layer, id, before, after);
  const gates = [0, 1, 2, 3].map((n) => all.subarray(n * hidden, (n + 1) * hidden));
  const tanh = (c) => Float32Array.from(c, Math.tanh);
  const rows = [outputs(old), tanh(part(old.c)), ...gates, tanh(part(changed.c)), outputs(changed)];
  const numbers = [outputs(old), part(old.c), ...gates, part(changed.c), outputs(changed)];
  return {
    bytes: Int8Array.from(rows.flatMap((row) => Array.from(row.subarray(0, limits.step_cells), byteOf))),
    cell: numbers.map((each) => rounded(each[cell], 3)),
    held: clamps.some(([of, index]) => of === layer && index === cell),
  };
}

/** @returns {Pick<StepAnswer, "likely" | "strip">} */
function describeShares(logits, settings, vocab, drawn) {
  let weights = weightsOf(logits, settings);
  if (settings.temperature === 0) weights = weights.map((_, id) => (id === mostLikely(logits) ? 1 : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const shares = weights.map((weight) => weight / total);
  const order = Array.from(shares.keys()).sort((a, b) => shares[b] - shares[a] || a - b);
  const likely = order
    .slice(0, limits.top)
    .map((id) => /** @type {[string, number]} */ ([vocab[id], rounded(shares[id], 5)]));
  const strip = /** @type {StepAnswer["strip"]} */ ([]);
  let end = 0;
  for (const [id, share] of shares.entries()) {
    end += weights[id];
    if (share >= THIN || (id === drawn && share > 0)) {
      strip.push([vocab[id], rounded(end / total - share, 5), rounded(end / total, 5)]);
    }
  }
  return { likely: likely.filter(([, share]) => share), strip };
}

function describeDraw(seed, number) {
  return { seed, number, value: rounded(Number(randomNumber(seed, number)) / 2 ** 64, 5) };
}
