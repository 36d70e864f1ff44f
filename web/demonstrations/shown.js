// The four demonstrations: what each one writes on the stage, and the sentence about the result.

import { count } from "../conversation/log.js";
import { refOf } from "../conversation/models.js";
import { pause, prefersReducedMotion } from "../document/dom.js";
import { number, percent, t } from "../document/words.js";
import { clamp, restore } from "../page/actions.js";
import { openChanged } from "../page/state.js";
import { bitsOf, lineLength, lineLengths, writeAside } from "./aside.js";
import { Learning } from "./learning.js";
import { lineCounter } from "./line_counter.js";

const LENGTH = 260; // characters of each text
const SPEED = 70; // characters per second: a text takes four seconds
const LINES_LENGTH = 400; // where lines are long, as in the Bible, 260 characters have too few of them to compare
const LINES_SPEED = 100; // such a text takes four seconds, too
const CLEARLY = 0.05; // the part by which lines become shorter, at least, if the result says so
const TEMPERATURES = { calm: 0.3, normal: 0.8, wild: 1.5 };
const BUTTONS = { send: { id: "move.send" }, retry: { id: "move.retry" } };
const LOST_MS = 2000; // between two requests while the connection is lost
const UNLIKELY_BITS = 4; // a chance of 1 in 16 at temperature 1

/**
 * @import { Clamp, Message, Model, TextEngine } from "../engines/engine.js"
 * @import { Column, Stage } from "./stage.js"
 * @import { Wanted } from "./aside.js"
 *
 * @typedef {Awaited<ReturnType<typeof writeAside>>} Written
 *
 * @typedef {object} Showing
 * @property {Stage} stage
 * @property {TextEngine} engine
 * @property {Model} model
 * @property {{corpus: string, link: HTMLElement}} training  the text that the model was trained on, "" if that is not known, and
 *   the link of the page to a training of the visitor's own
 * @property {number} seed
 * @property {AbortSignal} signal
 *
 * @typedef {object} Demonstration
 * @property {(showing: Showing) => Promise<void>} run  resolves when all texts are complete, or aborted by the signal
 * @property {(model: Model, seed: number) => Message} [prepare]  sets the control of the page with which the visitor can
 *   try the same, and returns what to do; omitted for a demonstration without a seed
 */

/** @type {Record<string, Demonstration>} */
export const DEMONSTRATIONS = {
  lines: { run: makeLinesShort, prepare: holdTheCell },
  bolder: { run: compareTemperatures, prepare: () => set("bolder", { temperature: TEMPERATURES.wild }) },
  learn: { run: watchItLearn },
  same: { run: writeAgain, prepare: (_, seed) => set("same", { seed }) },
};

/** @param {Showing} showing */
async function makeLinesShort(showing) {
  const { stage, model } = showing;
  const { cell, value, does } = lineCounter(model);
  const way = { id: value > 0 ? "demo.lines.high" : "demo.lines.low" };
  const about = { cells: model.layers * model.hidden, cell: cell.index, does: { id: does }, way };
  stage.report({ id: "demo.lines.lead", values: about });
  const clamps = [[], [/** @type {Clamp} */ ([cell.layer, cell.index, value])]];
  const ways = clamps.map((cells) => ({ cells, settings: { length: LINES_LENGTH }, speed: LINES_SPEED }));
  const texts = await writeAll(showing, [t("demo.lines.free"), t("demo.lines.held", { way })], ways, {
    measured: t("demo.lines.mean"),
  });
  if (!texts.every(Boolean)) return;
  const [free, held] = texts.map(lineLength);
  if (!free || !held) return stage.report({ id: "demo.lines.few" }, true);
  const shorter = 1 - Math.round(held) / Math.round(free); // as the numbers that are shown
  const values = { ...about, free: number(free, 0), held: number(held, 0), shorter: percent(shorter) };
  stage.report({ id: shorter >= CLEARLY ? "demo.lines.result" : "demo.lines.no_result", values }, true);
}

/** @param {Model} model @returns {Message} */
function holdTheCell(model) {
  const { cell, value } = lineCounter(model);
  clamp([[cell.layer, cell.index, value]]);
  return {
    id: "demo.lines.try",
    values: { ...BUTTONS, cell: cell.index, way: { id: value > 0 ? "demo.lines.high" : "demo.lines.low" } },
  };
}

/** @param {string} name @param {Record<string, number>} values @returns {Message} */
function set(name, values) {
  restore(values);
  openChanged();
  return { id: `demo.${name}.try`, values: { ...BUTTONS, ...values } };
}

/** @param {Showing} showing */
async function compareTemperatures(showing) {
  const { stage, engine } = showing;
  const shares = /** @type {Record<string, string>} */ ({});
  const names = Object.keys(TEMPERATURES);
  const colour = async (
    /** @type {Column} */ column,
    /** @type {Written} */ { text, before },
    /** @type {number} */ at,
  ) => {
    const bits = await bitsOf(engine, before, text);
    column.colour(bits);
    shares[names[at]] = percent(bits.filter((each) => each >= UNLIKELY_BITS).length / bits.length);
  };
  const titles = Object.entries(TEMPERATURES).map(([name, temperature]) => t(`demo.bolder.${name}`, { temperature }));
  const ways = Object.values(TEMPERATURES).map((temperature) => ({ settings: { temperature } }));
  const texts = await writeAll(showing, titles, ways, { finish: colour });
  if (texts.every(Boolean)) stage.report({ id: "demo.bolder.result", values: shares }, true);
}

/** @param {Showing} showing */
async function writeAgain(showing) {
  const { seed, stage } = showing;
  const other = (seed + 1) % 2 ** 32;
  const titles = [
    t("demo.same.first", { seed }),
    t("demo.same.second", { seed }),
    t("demo.same.third", { seed: other }),
  ];
  const [one, two, three] = await writeAll(showing, titles, [{}, {}, { settings: { seed: other } }]);
  if (!one || !two || !three) return;
  const repeated =
    one === two
      ? { id: "demo.same.result", values: { count: count(one) } }
      : { id: "demo.same.differs", values: { at: firstDifference(one, two) } };
  const changed = {
    id: one === three ? "demo.same.no_other" : "demo.same.other",
    values: { seed: other, at: firstDifference(one, three) },
  };
  stage.report([repeated, changed], true);
}

/** Returns the number of the first character, from 1, in which two texts differ. Line ends are not counted, because the page does not show them. @param {string} one @param {string} two */
function firstDifference(one, two) {
  const [first, second] = [[...one], [...two]];
  let same = 0;
  while (same < first.length && first[same] === second[same]) same++;
  return first.slice(0, same).filter((character) => character !== "\n").length + 1;
}

/** @param {Showing} showing */
async function watchItLearn({ stage, engine, model, training: { corpus, link }, signal }) {
  const ask = () => engine.samples(refOf(model));
  let answer = await ask();
  while (answer.refusal?.id === "fault.connection" && !signal.aborted) {
    stage.wait([{ id: "status.reconnecting" }]);
    await pause(LOST_MS);
    answer = await ask();
  }
  if (signal.aborted) return;
  stage.wait([]);
  const { samples = [], refusal } = answer;
  if (refusal || samples.length < 2) return stage.report(refusal ?? { id: "demo.learn.none" });
  const result = {
    id: corpus ? "demo.learn.result_of" : "demo.learn.result",
    values: { steps: samples.at(-1)[0], corpus },
  };
  const learning = new Learning(stage.body, samples, link, () => stage.report(result, true));
  stage.fit();
  learning.play.scrollIntoView({ block: "nearest" }); // in a low window the text alone would fill it
  signal.addEventListener("abort", () => learning.stop());
}

/**
 * Writes texts in columns, all at once.
 * @param {Showing} showing
 * @param {string[]} titles
 * @param {Partial<Wanted>[]} ways  how each is written
 * @param {object} [options]
 * @param {string} [options.measured]  what the number beside each text is, the mean length of its lines; "" if there is none
 * @param {(column: Column, written: Written, at: number) => Promise<void>} [options.finish]  called after each text is complete
 * @returns {Promise<string[]>}  "" for a text that was refused or stopped
 */
function writeAll(
  { stage, engine, model, seed, signal },
  titles,
  ways,
  { measured = "", finish = async () => {} } = {},
) {
  const prompt = model.examples[0] ?? "";
  const columns = stage.columns(titles, model.chat ? `${prompt}\n` : prompt, measured);
  return Promise.all(
    ways.map(async (way, at) => {
      const settings = { temperature: TEMPERATURES.normal, seed, length: LENGTH, ...way.settings };
      const wanted = { model, prompt, ...way, settings, speed: prefersReducedMotion() ? null : (way.speed ?? SPEED) };
      const onText = (/** @type {string} */ text) => {
        columns[at].show(text);
        if (measured) columns[at].measure(lineLengths(text));
      };
      const onStatus = (/** @type {Message[]} */ messages) => signal.aborted || stage.wait(messages);
      try {
        const written = await writeAside(engine, wanted, { onText, onStatus }, signal);
        const { text, ending } = written;
        if (signal.aborted) return ""; // the stage was closed, or shows another demonstration, before the last texts ended
        if (measured) columns[at].measure(lineLengths(text), lineLength(text)); // the mean only now: that of a few lines says little
        if (ending.error) stage.report(ending.error);
        if (ending.end === "abort" || ending.end === "error") return "";
        await finish(columns[at], written, at);
        return signal.aborted ? "" : text;
      } catch (error) {
        if (!signal.aborted) stage.report(error.reason ?? { id: "fault.again" });
        return "";
      }
    }),
  );
}
