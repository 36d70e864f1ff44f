// The four demonstrations: what each writes on the stage, and the sentence that says what came out.

import { count } from "../conversation/log.js";
import { wantsStill } from "../document/dom.js";
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
 * @property {(showing: Showing) => Promise<void>} run  ends once all is written, or at the signal
 * @property {number} tour  the step of the tour with its controls; 0 if it has none and no seed
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
  showing.stage.tell({ id: "demo.lines.lead", values: facts });
  const ways = [[], [/** @type {Clamp} */ ([cell.layer, cell.index, value])]];
  const titles = [t("hold.free"), t("demo.lines.held", facts)];
  const texts = await writeAll(showing, titles, ways.map((cells) => ({ cells })), t("demo.lines.mean"));
  if (!texts.every(Boolean)) return;
  const [free, held] = texts.map(lineLength);
  if (!free || !held) return showing.stage.tell({ id: "demo.lines.few", values: facts }, true);
  showing.stage.tell({ id: "demo.lines.result", values: { ...facts, free: number(free, 0), held: number(held, 0) } }, true);
}

/** @param {Showing} showing */
async function compareTemperatures(showing) {
  const titles = Object.entries(TEMPERATURES).map(([name, temperature]) => t(`demo.bolder.${name}`, { temperature }));
  const texts = await writeAll(showing, titles, Object.values(TEMPERATURES).map((temperature) => ({ settings: { temperature } })));
  if (texts.every(Boolean)) showing.stage.tell({ id: "demo.bolder.result", values: { seed: showing.seed } }, true);
}

/** @param {Showing} showing */
async function writeTwice(showing) {
  const titles = [t("demo.same.first"), t("demo.same.second")];
  const [one, two] = await writeAll(showing, titles, [{}, {}]);
  if (!one || !two) return;
  const [first, second] = [[...one], [...two]];
  const at = first.findIndex((character, n) => character !== second[n]);
  const values = { seed: showing.seed, count: count(one), at };
  showing.stage.tell({ id: one === two ? "demo.same.result" : "demo.same.differs", values }, true);
}

/** @param {Showing} showing */
async function watchItLearn({ stage, engine, model, signal }) {
  const { samples = [], refusal } = await engine.timeline({ model: model.name, samples: true });
  if (signal.aborted) return;
  if (refusal || samples.length < 2) return stage.tell(refusal ?? { id: "demo.learn.none" });
  const learning = new Learning(stage.body, samples, () => stage.tell({ id: "demo.learn.result", values: { steps: samples.at(-1)[0] } }, true));
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
    const wanted = { model, prompt, ...way, settings, speed: wantsStill() ? null : SPEED };
    const show = (/** @type {string} */ text) => {
      columns[at].show(text);
      if (measured) columns[at].measure(lineLengths(text));
    };
    try {
      const { text, ending } = await writeAside(engine, wanted, show, signal);
      if (measured) columns[at].measure(lineLengths(text), lineLength(text)); // of a few lines it says little
      if (ending.error) stage.tell(ending.error);
      return ending.end === "abort" || ending.end === "error" ? "" : text;
    } catch (error) {
      if (!signal.aborted) stage.tell(error.reason ?? { id: "fault.again" });
      return "";
    }
  }));
}
