// Draws a conversation as a picture: each character of the model in the colour of its surprise, as on the page.

import { TracedText } from "../lenses/text/traced_text.js";
import { colourOf } from "../lenses/state.js";
import { t } from "../document/words.js";
import { Refusal } from "../engines/engine.js";

const [WIDTH, MARGIN, TOP, END] = [1200, 72, 150, 100]; // pixels
const [SIZE, LINE, TITLE, CAPTION] = [32, 50, 52, 24];
const MAX_LINES = 60; // programs that show pictures cut off a taller one
const SCALE = [1, 2, 3, 4, 5];

/**
 * @import { ReadTurn } from "../conversation/log.js"
 * @import { TextEngine } from "../engines/engine.js"
 * @import { Path } from "../lenses/text/traced_text.js"
 *
 * @typedef {{character: string, bits: number | null, given: boolean}} Letter  given: by a person
 */

/**
 * @param {Pick<TextEngine, "trace">} engine
 * @param {?(Path & {turns: ReadTurn[]})} path  what the model has read and written; null if its beginning is no longer kept
 * @param {string} title  of the page
 * @param {Element} page  whose colours and fonts the picture gets
 * @returns {Promise<Blob>} a PNG
 * @throws {Refusal} the engine cannot read the text again
 */
export async function drawPicture(engine, path, title, page) {
  if (!path) throw new Refusal({ id: "share.no_picture" });
  const look = lookOf(page);
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d");
  const fontOf = (size, weight = 400) => `${weight} ${size}px ${look.mono}`;
  pen.font = fontOf(SIZE);
  const lines = wrapped(await letters(engine, path), (character) => pen.measureText(character).width);
  [canvas.width, canvas.height] = [WIDTH, TOP + lines.length * LINE + END];
  pen.fillStyle = look.page;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.font = fontOf(TITLE, 700);
  pen.fillStyle = look.text;
  pen.fillText(title, MARGIN, 104, WIDTH - 2 * MARGIN - 30);
  pen.fillStyle = look.ink;
  pen.fillRect(MARGIN + Math.min(pen.measureText(title).width, WIDTH - 2 * MARGIN - 30) + 6, 58, 18, 52);
  pen.font = fontOf(SIZE);
  lines.forEach((line, row) => drawLine(pen, line, TOP + row * LINE, look));
  pen.font = `400 ${CAPTION}px ${look.sans}`;
  pen.fillStyle = look.soft;
  pen.fillText(t("share.picture_caption"), MARGIN, canvas.height - 40, WIDTH - 2 * MARGIN);
  look.levels.forEach(({ background }, at) => {
    pen.fillStyle = background;
    pen.fillRect((at * WIDTH) / SCALE.length, canvas.height - 14, WIDTH / SCALE.length, 14);
  });
  return new Promise((done, fail) =>
    canvas.toBlob((blob) => (blob ? done(blob) : fail(new Refusal({ id: "share.no_picture" })))),
  );
}

/**
 * The fonts and colours of the page, light or dark; levels: of surprise, from few bits to many.
 * @param {Element} page
 */
function lookOf(page) {
  const probe = document.createElement("i");
  page.append(probe);
  const style = getComputedStyle(probe); // of each moment
  const colour = (/** @type {string} */ name) => {
    probe.style.color = `var(--${name})`;
    return style.color;
  };
  const [ground, text, ink, soft] = ["page", "text", "ink", "soft"].map(colour);
  probe.style.color = "";
  const levels = SCALE.map((level) => {
    probe.className = `b${level}`;
    return { background: style.backgroundColor, text: style.color };
  });
  const [mono, sans] = ["mono", "sans"].map((name) => style.getPropertyValue(`--${name}`));
  probe.remove();
  return { page: ground, text, ink, soft, levels, mono, sans };
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {(Letter & {x: number, width: number})[]} line
 * @param {number} top
 * @param {ReturnType<typeof lookOf>} look
 */
function drawLine(pen, line, top, look) {
  for (const { character, bits, given, x, width } of line) {
    const level = bits === null || bits < 0 ? undefined : look.levels[Number(colourOf(bits).slice(1)) - 1];
    if (level) {
      pen.fillStyle = level.background;
      pen.fillRect(x, top, Math.ceil(width), LINE - 5);
    }
    pen.font = `${given ? 700 : 400} ${SIZE}px ${look.mono}`;
    pen.fillStyle = given ? look.ink : (level?.text ?? look.text);
    pen.fillText(character, x, top + SIZE + 1);
  }
}

/**
 * The characters of a text, with the bits of those that the model wrote.
 * @param {Pick<TextEngine, "trace">} engine
 * @param {Path & {turns: ReadTurn[]}} path
 * @returns {Promise<Letter[]>}
 */
async function letters(engine, path) {
  const traced = new TracedText(engine);
  traced.set(path);
  const bits = /** @type {(number | null)[]} */ ([]);
  while (bits.length < traced.chars.length) {
    const answer = await traced.ask({ from: bits.length });
    if (!answer.bits?.length) throw new Refusal(answer.refusal ?? { id: "share.no_picture" });
    bits.push(...answer.bits);
  }
  const found = /** @type {Letter[]} */ ([]);
  for (const { at, given, length } of path.turns) {
    if (found.length && found.at(-1).character !== "\n" && traced.chars[at] !== "\n")
      found.push({ character: "\n", bits: null, given: true });
    for (let n = at; n < at + length; n++)
      found.push({ character: traced.chars[n], bits: n < at + given ? null : bits[n], given: n < at + given });
  }
  return found;
}

/**
 * Returns the last lines, as many as a picture shows, broken at a space in their second half where there is one, with the place of each character.
 * @param {Letter[]} text
 * @param {(character: string) => number} widthOf
 */
function wrapped(text, widthOf) {
  const lines = /** @type {(Letter & {x: number, width: number})[][]} */ ([[]]);
  let x = MARGIN;
  const breakLine = () => {
    lines.push([]);
    x = MARGIN;
  };
  for (const letter of text) {
    if (letter.character === "\n") {
      breakLine();
      continue;
    }
    const character = /\p{Cc}|\p{Bidi_Control}/u.test(letter.character) ? " " : letter.character;
    const width = widthOf(character);
    if (x + width > WIDTH - MARGIN) {
      if (character === " ") {
        breakLine();
        continue;
      }
      const full = lines.at(-1);
      const space = full.findLastIndex((each) => each.character === " ");
      const word = space >= full.length / 2 ? full.splice(space + 1) : [];
      breakLine();
      for (const each of word) {
        lines.at(-1).push({ ...each, x });
        x += each.width;
      }
    }
    lines.at(-1).push({ ...letter, character, x, width });
    x += width;
  }
  const shown = lines.slice(-MAX_LINES); // the last reply is the one that is shared
  while (shown.length > 1 && !shown[0].length) shown.shift();
  const cut = { character: "…", bits: null, given: false, x: MARGIN, width: widthOf("…") };
  return lines.length > MAX_LINES ? [[cut], ...shown] : shown;
}
