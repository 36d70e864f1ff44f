// The four demonstrations: what each one writes on the stage, and the sentence about the result.

import { count } from "../conversation/log.js";
import { prefersReducedMotion } from "../document/dom.js";
import { featureOf } from "../lenses/names.js";
import { number, t } from "../document/words.js";
import { lineLength, lineLengths, writeAside } from "./aside.js";
import { Learning } from "./learning.js";
import { lineCounter } from "./line_counter.js";

const LENGTH = 260; // characters of each text
const SPEED = 70; // characters per second: a text takes four seconds
const TEMPERATURES = { calm: 0.5, normal: 0.8, wild: 1.2 };

/**
 * @import { Clamp, Message, Model, TextEngine } from "../engines/engine.js"
 * @import { Stage } from "./stage.js"
 * @import { Wanted } from "./aside.js"
 *
 * @typedef {object} Showing
 * @property {Stage} stage
 * @property {TextEngine} engine
 * @property {Model} model
 * @property {number} seed
 * @property {AbortSignal} signal
 *
 * @typedef {object} Demonstration
 * @property {(showing: Showing) => Promise<void>} run  resolves when all texts are complete, or aborted by the signal
 * @property {number} tour  the step of the tour about the same controls; 0 without one, and without a seed
 */

/** @type {Record<string, Demonstration>} */
export const DEMONSTRATIONS = {
  lines: { run: makeLinesShort, tour: 5 },
  bolder: { run: compareTemperatures, tour: 2 },
  learn: { run: watchItLearn, tour: 0 },
  same: { run: writeTwice, tour: 6 },
};

/** @param {Showing} showing */
async function makeLinesShort(showing) {
  const { cell, value } = lineCounter(showing.model);
  const facts = { cell: cell.index, name: featureOf(cell), way: { id: value > 0 ? "hold.up" : "hold.down" } };
  showing.stage.report({ id: "demo.lines.lead", values: facts });
  const ways = [[], [/** @type {Clamp} */ ([cell.layer, cell.index, value])]];
  const titles = [t("hold.free"), t("demo.lines.held", facts)];
  const texts = await writeAll(showing, titles, ways.map((cells) => ({ cells })), t("demo.lines.mean"));
  if (!texts.every(Boolean)) return;
  const [free, held] = texts.map(lineLength);
  if (!free || !held) return showing.stage.report({ id: "demo.lines.few", values: facts }, true);
  showing.stage.report({ id: "demo.lines.result", values: { ...facts, free: number(free, 0), held: number(held, 0) } }, true);
}

/** @param {Showing} showing */
async function compareTemperatures(showing) {
  const titles = Object.entries(TEMPERATURES).map(([name, temperature]) => t(`demo.bolder.${name}`, { temperature }));
  const texts = await writeAll(showing, titles, Object.values(TEMPERATURES).map((temperature) => ({ settings: { temperature } })));
  if (texts.every(Boolean)) showing.stage.report({ id: "demo.bolder.result", values: { seed: showing.seed } }, true);
}

/** @param {Showing} showing */
async function writeTwice(showing) {
  const titles = [t("demo.same.first"), t("demo.same.second")];
  const [one, two] = await writeAll(showing, titles, [{}, {}]);
  if (!one || !two) return;
  const [first, second] = [[...one], [...two]];
  const at = first.findIndex((character, n) => character !== second[n]);
  const values = { seed: showing.seed, count: count(one), at };
  showing.stage.report({ id: one === two ? "demo.same.result" : "demo.same.differs", values }, true);
}

/** @param {Showing} showing */
async function watchItLearn({ stage, engine, model, signal }) {
  const { samples = [], refusal } = await engine.timeline({ model: model.name, samples: true });
  if (signal.aborted) return;
  if (refusal || samples.length < 2) return stage.report(refusal ?? { id: "demo.learn.none" });
  const learning = new Learning(stage.body, samples, () => stage.report({ id: "demo.learn.result", values: { steps: samples.at(-1)[0] } }, true));
  signal.addEventListener("abort", () => learning.stop());
}

/**
 * Writes texts in columns, all at once.
 * @param {Showing} showing
 * @param {string[]} titles
 * @param {Partial<Wanted>[]} ways  how each is written
 * @param {string} measured  what the number beside each text is, the mean length of its lines; "" if there is none
 * @returns {Promise<string[]>}  "" for a text that was refused or stopped
 */
function writeAll({ stage, engine, model, seed, signal }, titles, ways, measured = "") {
  const prompt = model.examples[0] ?? "";
  const columns = stage.columns(titles, prompt, measured);
  return Promise.all(ways.map(async (way, at) => {
    const settings = { temperature: 0.8, ...way.settings, seed, length: LENGTH };
    const wanted = { model, prompt, ...way, settings, speed: prefersReducedMotion() ? null : SPEED };
    const show = (/** @type {string} */ text) => {
      columns[at].show(text);
      if (measured) columns[at].measure(lineLengths(text));
    };
    try {
      const { text, ending } = await writeAside(engine, wanted, show, signal);
      if (signal.aborted) return ""; // the stage was closed, or shows another demonstration, before the last texts ended
      if (measured) columns[at].measure(lineLengths(text), lineLength(text)); // the mean only now: that of a few lines says little
      if (ending.error) stage.report(ending.error);
      return ending.end === "abort" || ending.end === "error" ? "" : text;
    } catch (error) {
      if (!signal.aborted) stage.report(error.reason ?? { id: "fault.again" });
      return "";
    }
  }));
}
