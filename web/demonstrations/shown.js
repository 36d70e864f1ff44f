// The three demonstrations: the texts that each one writes beside each other, and the sentence about their result.

import { computed, signal } from "../vendor/preact.js";
import { emptyLog, newPart } from "../conversation/log.js";
import { authorOf, newReply, refOf, requestOf } from "../conversation/replies.js";
import { prefersReducedMotion } from "../document/dom.js";
import { number, percent, t } from "../document/words.js";
import { clamp, restore } from "../state/actions.js";
import { corpusOf, site } from "../state/state.js";
import { SAMPLING } from "../settings.js";
import { bounds } from "../lenses/state.js";
import { lineCounter, lineLengths, meanOf } from "../lenses/names.js";

const LENGTH = 260; // characters of each text
const SPEED = 70; // characters per second: a text takes four seconds
// Where lines are long, as in the Bible, 260 characters have too few of them to compare. Such a text takes four seconds, too.
const LINES = { length: 400, speed: 100 };
const CLEARLY = 0.05; // the part by which lines become shorter, at least, if the result says so
const TEMPERATURES = { calm: 0.3, normal: 0.8, wild: 1.5 };
const LEAST = 30; // characters of the longest bar, at least, so that the first bars do not shrink when longer lines follow
const MOST = 16; // samples: more of them would be too fast to read

/**
 * @import { Message, Model, TextEngine } from "../engines/engine.js"
 *
 * @typedef {Record<string, any>} About  the values in the messages of a demonstration
 *
 * @typedef {object} Demonstration
 * @property {(model: Model, seed: number) => About} about
 * @property {(about: About) => {title: string, [setting: string]: any}[]} texts  the title of each, and how it is written
 * @property {(texts: Column[], about: About) => Message | Message[]} result
 * @property {(about: About) => void} set  sets the control of the page with which the visitor can try the same
 * @property {boolean} [isMeasured]  whether a bar is shown for each line, and their mean length
 * @property {boolean} [isColoured]  whether each text is coloured once it is complete
 *
 * @typedef {ReturnType<typeof newColumn>} Column
 * @typedef {ReturnType<typeof newShowing>} Showing
 */

/** @type {Record<string, Demonstration>} those that write texts */
export const DEMONSTRATIONS = {
  lines: {
    isMeasured: true,
    about: aboutCounter,
    texts: ({ way, held }) => [
      { title: t("demo.lines.free"), ...LINES },
      { title: t("demo.lines.held", { way }), ...LINES, cells: [held] },
    ],
    result: compareLines,
    set: ({ held }) => {
      restore({ temperature: TEMPERATURES.normal, second: "" }); // no cell can be held while two models write
      clamp([held]);
    },
  },
  bolder: {
    isColoured: true,
    about: () => ({ temperature: TEMPERATURES.wild }),
    texts: () =>
      Object.entries(TEMPERATURES).map(([name, temperature]) => ({
        title: t(`demo.bolder.${name}`, { temperature }),
        temperature,
      })),
    result: countUnlikely,
    set: restore,
  },
};

/** @param {Model} model @returns {About} */
function aboutCounter(model) {
  const { cell, value, does, way } = lineCounter(model);
  return { cells: model.layers * model.hidden, does, way, held: [cell.layer, cell.index, value] };
}

/** @param {Column[]} texts @param {About} about @returns {Message} */
function compareLines(texts, about) {
  const [free, held] = texts.map(({ lengths }) => meanOf(lengths.value) ?? 0);
  const shorter = free && 1 - Math.round(held) / Math.round(free); // as the numbers that are shown
  const values = {
    ...about,
    again: { id: "demo.again" },
    free: number(free, 0),
    held: number(held, 0),
    shorter: percent(shorter),
  };
  return { id: shorter >= CLEARLY ? "demo.lines.result" : "demo.lines.no_result", values };
}

/** @param {Column[]} texts @returns {Message} */
function countUnlikely(texts) {
  const [least] = bounds.value;
  const shareOf = (bits) => percent(bits.filter((each) => each >= least).length / bits.length);
  const [calm, normal, wild] = texts.map(({ bits }) => shareOf(bits.value));
  return { id: "demo.bolder.result", values: { odds: Math.round(2 ** least), calm, normal, wild } };
}

/** Runs a demonstration. @param {Showing} showing @returns {Promise<void>} when its texts are complete, or it has ended */
export async function run(showing) {
  const { name, model, seed, ended } = showing;
  if (name === "learn") return watchItLearn(showing);
  const { about, texts, result, isMeasured } = DEMONSTRATIONS[name];
  const values = about(model, seed);
  report(showing, { id: `demo.${name}.lead`, values });
  const ways = texts(values);
  const columns = ways.map(({ title }) => newColumn(title));
  const most = computed(() => Math.max(LEAST, ...columns.flatMap(({ lengths }) => lengths.value)));
  const prompt = model.examples[0] ?? "";
  showing.body.value = { columns, most, isMeasured, prompt: model.chat ? `${prompt}\n` : prompt };
  await Promise.all(ways.map((way, at) => write(showing, columns[at], prompt, way)));
  if (!ended.signal.aborted && columns.every(({ isWhole }) => isWhole.value))
    report(showing, result(columns, values), true);
}

/** Returns what the stage shows after a press of a button. @param {string} name @param {Model} model @param {number} seed @param {TextEngine} engine */
export function newShowing(name, model, seed, engine) {
  return {
    name,
    model,
    seed,
    engine,
    ended: new AbortController(), // aborted when the stage shows something else
    message: signal(/** @type {Message | Message[]} */ ({ id: `demo.${name}.lead` })), // what it will show, then its result
    isDone: signal(false), // whether the message is the result
    waits: signal(/** @type {Message[]} */ ([])), // why the texts have to wait
    body: signal(/** @type {any} */ (null)), // the columns, or the samples of a training
  };
}

/** @param {string} title */
function newColumn(title) {
  const text = signal(""); // without the prompt
  const bits = signal(/** @type {?number[]} */ (null)); // of each character, once it is to be coloured
  return {
    title,
    text,
    bits,
    lengths: computed(() => lineLengths(text.value)),
    isWhole: signal(false),
    isCut: signal(false),
  };
}

/** @param {Showing} showing @param {Message | Message[]} message */
function report(showing, message, isDone = false) {
  [showing.message.value, showing.isDone.value] = [message, isDone];
}

// Writes a text outside of the conversation: from a zero state, and nothing is stored.
/** @param {Showing} showing @param {Column} column @param {string} prompt @param {Record<string, any>} way */
async function write(showing, column, prompt, { title, cells = [], speed = SPEED, ...own }) {
  const { name, engine, model, seed, waits, ended } = showing;
  const settings = { ...SAMPLING, temperature: TEMPERATURES.normal, seed, length: LENGTH, ...own };
  const reply = newReply(emptyLog(), 0, prompt, authorOf(model));
  const [part, pace] = [newPart({ settings, cells }), prefersReducedMotion() ? null : speed];
  const request = requestOf([], reply, part, pace, () => model);
  const bits = /** @type {number[]} */ ([]);
  const onText = (/** @type {string} */ more, /** @type {number[]} */ ofMore = []) => {
    column.text.value += more;
    bits.push(...ofMore);
  };
  const onStatus = (/** @type {Message[]} */ messages) => (waits.value = messages);
  try {
    const { end, error } = await engine.write(request, { onText, onStatus }, ended.signal);
    if (error) report(showing, error);
    if (ended.signal.aborted || end === "abort" || end === "error") return;
    if (DEMONSTRATIONS[name].isColoured) column.bits.value = bits;
    [column.isWhole.value, column.isCut.value] = [true, end === "length"];
  } catch (error) {
    report(showing, error.reason ?? { id: "fault.again" });
  }
}

/** @param {Showing} showing */
async function watchItLearn(showing) {
  const { engine, model, body } = showing;
  const { samples = [], refusal } = await engine.samples(refOf(model));
  if (refusal || samples.length < 2) return report(showing, refusal ?? { id: "demo.learn.none" });
  const corpus = corpusOf(site.value, model.name);
  const values = { steps: samples.at(-1)[0], corpus };
  const result = { id: corpus ? "demo.learn.result_of" : "demo.learn.result", values };
  const onEnd = () => report(showing, result, true);
  body.value = { ...chosen(samples), at: signal(0), isPlaying: signal(!prefersReducedMotion()), onEnd };
}

/**
 * Returns at most `MOST` samples with the first and the last, and the place of each, from 0 to 1. Places grow with the
 * logarithm of the step: a network learns more in its first ten steps than in its last hundred.
 * @param {[step: number, text: string][]} samples
 */
export function chosen(samples) {
  const [first, second, last] = [samples[0][0], samples[1][0], samples.at(-1)[0]];
  const gap = Math.max(1, second - first); // a checkpoint may have two samples of one step
  const logarithm = (/** @type {number} */ step) => Math.log1p(Math.max(0, step - first) / gap);
  const places = samples.map(([step]) => logarithm(step) / (logarithm(last) || 1));
  const wanted = Array.from({ length: MOST }, (_, n) => n / (MOST - 1));
  const nearest = wanted.map((place) => places.findLastIndex((each) => each <= place + 1e-9));
  const at = [...new Set(nearest)];
  return { samples: at.map((n) => samples[n]), places: at.map((n) => places[n]) };
}
