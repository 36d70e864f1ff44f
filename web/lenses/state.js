// What the lenses show, as signals: the text with its values, the character in focus, and what the panels were asked for. The text
// that the model has read, and how each character was drawn. If the engine refuses a question of a panel, the panel says why; if
// the connection is lost, it is sent again.

import { count } from "../engines/engine.js";
import { computed, signal, useLayoutEffect, useSignal } from "../vendor/preact.js";
import { lastPart, lastTurn, pathTo, readText, remembered, replyText } from "../conversation/log.js";
import { authorOfReply, engine } from "../state/actions.js";
import * as page from "../state/state.js";
import { welcomeTurn } from "../conversation/replies.js";
import { TracedText } from "./text/traced_text.js";

const LOST_MS = 3000; // between two requests while the connection is lost

/**
 * @import { Log, ReadTurn } from "../conversation/log.js"
 * @import { Message, TraceAnswer, TraceQuestion } from "../engines/engine.js"
 * @import { Place } from "./text/drawn_text.js"
 *
 * @typedef {TraceAnswer & Place & {char: string}} Details  the values of the character in focus
 *
 * @typedef {object} Lens
 * @property {() => any} [Panel]
 * @property {() => string} [key]  under which values are kept; without it they are the bits
 * @property {(position?: number) => TraceQuestion} [wants]  what a request asks for besides the bits, for all characters or
 *   for one
 * @property {(answer: TraceAnswer, traced: TracedText, from: number) => (number | null)[]} [take]  the values of an answer
 * @property {(value: number | null) => string} mark  the class of a value
 * @property {boolean} [offersChoices]  whether a click on a character shows its alternatives
 * @property {() => void} [reveal]  scrolls to the values of a character that was tapped
 * @property {(traced: TracedText, position: number) => void} [invalidate]  after the values from a position on became outdated
 * @property {() => void} [update]  after the conversation or the settings changed
 */

/** The text that the model has read, and the turns in it. */
export const path = new TracedText({ trace: (query) => engine.trace(query) });
export const turns = signal(/** @type {ReadTurn[]} */ ([]));
/** Counts the frames in which characters or their values were new. */
export const frames = signal(0);
/** Whether the first values of the text have arrived. */
export const isColoured = computed(() => {
  page.watch(frames);
  return path.values("bits").length > 0;
});

/** The lenses with a panel by name; null until their modules are loaded. */
export const panels = signal(/** @type {?Record<string, Lens>} */ (null));
/** The component with the details of a character, under its alternatives; null until its module is loaded. */
export const letter = signal(/** @type {?typeof import("./letter.js").Letter} */ (null));
/** The name of the lens that is shown: the chosen one once its panel is loaded. */
export const shownName = computed(() => (panels.value ? page.lens.value : "plain"));

/** Returns the lens that is on; without a chosen one the colours of surprise, unless they are turned off. @returns {Lens} */
export const lensNow = () =>
  panels.value?.[shownName.value] ?? (page.hasLenses.value && page.colours.value ? COLOURS : PLAIN);
/** Returns the key of the values of the lens that is on. */
export const keyNow = () => lensNow().key?.() ?? "bits";
/** Returns the turn of a text that has a position; null if none has. @param {number} position @param {ReadTurn[]} [among] those of the path, if omitted */
export const turnAt = (position, among = turns.value) =>
  among.find(({ at, length }) => position >= at && position < at + length) ?? null;

/**
 * The welcome text: how many of its characters are shown now and in the end, the position of the marked one, and the ending
 * with another letter in its place, of which `shown` characters are shown now. page/arrival.js sets them.
 */
export const welcome = {
  shown: signal(Infinity),
  end: signal(Infinity),
  marked: signal(/** @type {?number} */ (null)),
  other: signal(/** @type {?{at: number, text: string, shown: number}} */ (null)),
};

/** The other version of the last reply, which is shown beside it; its text is empty while there is none. */
export const other = new TracedText({ trace: (query) => engine.trace(query) });

/** The character in focus, and its values once the engine has answered. */
export const focus = signal(/** @type {?Place} */ (null));
export const details = signal(/** @type {?Details} */ (null));
/** Whether its values are requested; until they arrive, the panel shows those of the one before. */
export const isAsking = signal(false);
/** Why the engine refused the last question. */
export const problem = signal(/** @type {?Message} */ (null));
/** The bits of the character in focus; undefined before they are known. */
export const bits = computed(() => {
  page.watch(frames);
  return details.value?.traced.values("bits")[details.value.position];
});

/**
 * The character whose alternatives are shown. The welcome text opens them by itself: then they do not take the focus, and
 * `choice` is the character that is chosen.
 * @typedef {{position: number, turn: number, char: string, answer: TraceAnswer, choice?: string}} Alternatives
 */
export const alternatives = signal(/** @type {?Alternatives} */ (null));
/** Whether the visitor has opened alternatives. */
export const hasOpened = signal(false);
/** Returns whether a click shows alternatives, and there was none yet. */
export const isUntried = () => !hasOpened.value && lensNow().offersChoices === true;

/** Which sections of the panels and of the alternatives are open. */
export const isOpen = {
  why: signal(false),
  cells: signal(false),
  passages: signal(false),
  layers: signal(false),
  code: signal(false),
};

const modelKey = computed(() => `${page.model.value?.name}@${page.model.value?.commit}`);
const chosenCell = signal({ model: "", cell: /** @type {[layer: number, cell: number]} */ ([0, 0]) });
/** Memory: the cell that is shown; until one of the chosen model is chosen, its first named one. */
export const cell = computed(() => {
  if (chosenCell.value.model === modelKey.value) return chosenCell.value.cell;
  const { layer, index } = page.model.value?.cells[0] ?? { layer: 0, index: 0 };
  return /** @type {[layer: number, cell: number]} */ ([layer, index]);
});

/** Chooses a cell: the nearest one that the model has. @param {number[]} wanted */
export function chooseCell([layer, index]) {
  const { layers, hidden } = page.model.value ?? { layers: 1, hidden: 1 };
  const within = (value, count) => Math.max(0, Math.min(count - 1, Math.trunc(value) || 0));
  chosenCell.value = { model: modelKey.value, cell: [within(layer, layers), within(index, hidden)] };
}

/**
 * Returns the text that the model has read and written in a conversation, or what is shown of a welcome text; null if there is
 * none.
 * @param {Log} log
 * @param {number} [id] of its last turn
 */
export function textOf(log, id = log.here) {
  const turn = lastTurn(log) ? null : turnOf(0);
  const [part] = turn?.reply.parts ?? [];
  if (part) part.text = [...part.text].slice(0, welcome.end.value).join("");
  const replies = turn ? [{ turn, reply: turn.reply }] : remembered(log, id);
  if (!replies.length) return null;
  const last = replies.at(-1).reply;
  const author = authorOfReply(last);
  const { text, clamps, turns } = readText(replies, (character) => !author || author.vocab.has(character));
  const share = lastPart(last)?.settings?.share ?? null;
  return { model: last.model, second: last.second, share, start: replies[0].reply.start, text, clamps, turns };
}

/** Returns a shown turn; 0 is that of the welcome text. @param {number} id */
export function turnOf(id) {
  const turn = pathTo(page.log.value).find((each) => each.id === id);
  return turn ?? (id === 0 && page.model.value?.welcome ? welcomeTurn(page.model.value) : undefined);
}

/** Returns how character n of a turn's reply was drawn. @param {number} id of the turn @param {number} n */
export function drawOf(id, n) {
  let before = 0;
  for (const part of turnOf(id)?.reply.parts ?? []) {
    const length = count(part.text);
    const picked = part.picked && n === before + length - 1;
    if (n < before + length)
      return { settings: part.settings, draw: part.settings && !picked ? part.draw_offset + n - before : null, picked };
    before += length;
  }
  return { settings: null, draw: null, picked: false };
}

/** Returns which characters of a turn's reply a person has chosen. @param {number} id of the turn @returns {number[]} */
export function picksOf(id) {
  let end = 0;
  const parts = turnOf(id)?.reply.parts ?? [];
  return parts.flatMap(({ text, picked }) => ((end += count(text)), picked ? [end - 1] : []));
}

/** Returns whether a reply can be continued from a character. @param {number} id of a turn @param {number} keep how many characters stay */
export function canContinueFrom(id, keep) {
  const turn = turnOf(id);
  return turn !== undefined && !page.busy.value && keep >= 1 && keep <= count(replyText(turn.reply));
}

const acts = /** @type {(() => unknown)[]} */ ([]);
let timer = 0;

/** Lets questions be sent again when the connection may be back. @param {() => unknown} act  sends those that are needed */
export const onRetry = (act) => acts.push(act);

/** Returns whether a question was refused because the connection is lost. @param {?Message} [refusal] */
export const isLost = (refusal) => refusal?.id === "fault.connection";

/** Shows why the engine refused a question, and lets it be sent again later if the connection is lost. @param {Message} [refusal] */
export function answered(refusal) {
  problem.value = refusal ?? null;
  if (isLost(refusal)) timer ||= setTimeout(retry, LOST_MS);
}

/** Sends the questions again. */
export function retry() {
  clearTimeout(timer);
  timer = 0;
  for (const act of acts) act();
}

/**
 * Returns the answer to a question; null until it arrives, and after one of the inputs changed.
 * @template Answer
 * @param {(isLate: () => boolean) => ?Promise<Answer>} ask  null for no question
 * @param {unknown[]} inputs  that the question depends on
 * @returns {?Answer}
 */
export function useAnswer(ask, inputs) {
  const found = useSignal(/** @type {?{inputs: unknown[], answer: Answer}} */ (null));
  useLayoutEffect(() => {
    let isLate = false;
    ask(() => isLate)?.then((answer) => isLate || (found.value = { inputs, answer }));
    return () => (isLate = true);
  }, inputs);
  return found.value && inputs.every((each, at) => each === found.value.inputs[at]) ? found.value.answer : null;
}

const BOUNDS = [3, 4, 5, 6, 8];
const ALPHABET = 7; // bits of a character of which 128 are equally likely
/**
 * Bits of a character: no colour below the first, one between each two, one from the last on. A model of many characters, as of
 * Chinese, gives each of them a smaller chance, and so has higher bounds.
 */
export const bounds = computed(() => {
  const scale = Math.max(1, Math.log2(page.model.value?.vocab.length ?? 0) / ALPHABET);
  return BOUNDS.map((each) => scale * each);
});
export const UNKNOWN = -1; // instead of bits

/** Whether a character was neither nearly certain nor nearly impossible. @param {?number} [bits] */
export const isUncertain = (bits) => bits >= 1 && bits <= 5;

/** Returns the position of the last drawn character that was uncertain; without one that of the last character, -1 if there is none. */
export function lastUncertain() {
  const bits = path.values("bits");
  const isDrawn = (at) => {
    const turn = turnAt(at);
    const n = at - turn.at - turn.given;
    return n >= 0 && !picksOf(turn.id).includes(n);
  };
  const found = path.chars.findLastIndex((_, at) => isUncertain(bits[at]) && isDrawn(at));
  return found < 0 ? path.chars.length - 1 : found;
}

/** The class of a character's colour: b and a number that grows with its bits. @param {number} bits */
export function colourOf(bits) {
  const level = bounds.value.findIndex((bound) => bits < bound);
  return `b${level < 0 ? BOUNDS.length : level}`;
}

/** The text without colours. @type {Lens} */
export const PLAIN = { offersChoices: true, mark: () => "" };

/** The text without a chosen lens: each character in the colour of its surprise. @type {Lens} */
export const COLOURS = {
  offersChoices: true,
  mark: (bits) => (bits === null ? "" : bits === UNKNOWN ? "unknown" : colourOf(bits)),
};
