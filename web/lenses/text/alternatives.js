// The alternatives to a character, in a small box next to it, on a phone in a sheet at the bottom of the window. A choice
// replaces the character and continues from there. A click opens it, and so does Enter for the character in focus. In a lens
// that shows other values of a character, a finger opens it by tapping the character in focus once more.

import { effect, html, render, useLayoutEffect } from "../../vendor/preact.js";
import { Button, create, find, findAll, hasTouch, scrollInside, visibleCharacter } from "../../document/dom.js";
import { render as write, t } from "../../document/words.js";
import { closesOnBack, continueFrom, exchange } from "../../state/actions.js";
import * as state from "../state.js";
import * as page from "../../state/state.js";
import { Bar, SHOWN, chance, likely, nameOf } from "../names.js";
import { mark, moveTo, positionNow } from "./focus.js";
import { log, nodeAt, placeOf, placeUnder } from "./drawn_text.js";

const GAP = 8; // pixels between the character and the box, and between the box and the edge of the window
const SHEET = "(max-width: 640px), (pointer: coarse)"; // the same as in style.css

/** @type {HTMLElement} */
let box;
let openings = 0;

/** Shows the alternatives to the character at a position of the conversation. @param {number} position */
export async function open(position) {
  const [opening, opener, turn] = [++openings, document.activeElement, state.turnAt(position)];
  state.hasOpened.value = true;
  if (!turn) return close();
  const answer = await state.path.ask({ at: position });
  if (opening !== openings) return;
  // The visitor may have gone to another control meanwhile; the body has the focus once the opener is hidden.
  const isElsewhere = ![opener, document.body].includes(document.activeElement) && !hasFocus();
  if (isElsewhere || (!answer.refusal && !answer.top.length)) return close();
  if (state.isLost(answer.refusal)) state.answered(answer.refusal);
  state.isOpen.why.value = false; // on a phone it hides the choices
  state.alternatives.value = { position, turn: turn.id, char: state.path.chars[position], answer };
  if (!state.lensNow().Panel) moveTo(state.path, position);
  const character = nodeAt(state.path, position);
  if (character) scrollInside(log, character);
}

const hasFocus = () => box.contains(document.activeElement);

/** Closes the box; the text gets the focus. @param {boolean} returnsFocus */
function close(returnsFocus = hasFocus()) {
  openings++;
  if (!state.alternatives.value) return;
  if (returnsFocus) log.focus({ preventScroll: true });
  state.alternatives.value = null;
  mark();
}

function Alternatives() {
  page.watch(page.changes, state.frames);
  const [shown, Letter] = [state.alternatives.value, state.letter.value];
  useLayoutEffect(place);
  useLayoutEffect(() => {
    if (shown?.choice !== undefined) return;
    uncover();
    const [close, choice = close] = findAll(box, ".close, .choice[type]:not([aria-current])");
    choice?.focus({ preventScroll: true });
  }, [shown]);
  const turn = shown && state.turnAt(shown.position);
  if (!turn) return null;
  const { position, char, answer, choice: chosen } = shown;
  const closeButton = html`<${Button} class="close" aria-label=${t("alternatives.close")} onPress=${() => close(true)}>✕<//>`;
  const along = [-1, 1].map((by) => {
    const [name, sign] = by < 0 ? ["letter.before", "‹"] : ["letter.after", "›"];
    const isOff = !state.turnAt(position + by);
    return html`<${Button} aria-label=${t(name)} isOff=${isOff} onPress=${() => goAlong(by)}>${sign}<//>`;
  });
  if (answer.refusal) {
    const reason = state.isLost(answer.refusal) ? { id: "status.reconnecting" } : answer.refusal;
    return html`<p class="head">${write(reason)}</p>${closeButton}`;
  }
  const kept = position + 1 - turn.at - turn.given; // characters of the reply up to and with this one; not above 0 in a prompt
  const isOffered = chosen === undefined; // else the welcome text shows them by itself
  const canChange = isOffered && (page.busy.value ? kept > 0 : state.canContinueFrom(turn.id, kept));
  const rows = likely(answer, page.sampling.value, char, state.path.values("bits")[position]);
  const there = rows.find(([each]) => each === char);
  const was = t(there ? "alternatives.was" : "alternatives.less", { chance: chance((there ?? rows.at(-1))[1]) });
  const hint = canChange ? t("alternatives.choose") : position < turn.at + turn.given ? t("alternatives.typed") : "";
  const carryOut = (change) => () => {
    continueFrom(turn.id, kept, change);
    close(true);
  };
  const items = rows.map(([each, share]) => {
    const [isThere, name, text] = [each === char, nameOf(each), chance(share)];
    const label = `${canChange && !isThere ? t("rewind.pick", { character: name }) : name}: ${text}`;
    const content = html`<b class="char">${visibleCharacter(each)}</b><${Bar} to=${share}>${text}<//>`;
    const choice = html`<${Button} class="choice" aria-label=${label} aria-current=${isThere ? "true" : null}
      isOff=${isThere} onPress=${carryOut({ pick: each })}>${content}<//>`;
    const row = canChange ? choice : html`<span class="choice" role="img" aria-label=${label}>${content}</span>`;
    return html`<li class=${kindOf(rows, each, each === chosen ? "chosen" : isThere ? "there" : "")}>${row}</li>`;
  });
  const list = html`<ol class="choices" aria-label=${titleOf(char)}>${items}</ol>`;
  if (!isOffered) return html`<p class="head">${t("alternatives.rivals")}</p>${list}`;
  const onward = html`<p class="onward"><${Button} onPress=${carryOut({ newSeed: true })}>${t("rewind.seed")}<//></p>`;
  const details = Letter && answer.top.length > 0 && html`<${Letter} position=${position} char=${char} />`;
  return html`
    <p class="head"><b class="char">${visibleCharacter(char)}</b> ${was} <span class="choose">${hint}</span></p>
    <div class="along">${along}</div>
    ${closeButton}
    ${list}
    ${canChange && position + 1 < turn.at + turn.length && onward}
    ${details}`;
}

// The class of a row. Before the last one rows are left out if its character is not among the likeliest.
const kindOf = (rows, each, mark) => (rows.length > SHOWN && each === rows.at(-1)[0] ? `${mark} after-gap` : mark);

const titleOf = (char) => t("alternatives.title", { character: nameOf(char) });

// Places the box below its character, above it or beside it, where there is room; closes it if that is no longer there.
function place() {
  const shown = state.alternatives.value;
  if (!shown) return;
  const isThere = state.path.chars[shown.position] === shown.char && state.turnAt(shown.position)?.id === shown.turn;
  const character = isThere ? nodeAt(state.path, shown.position) : null;
  if (!character) return close();
  const [letter, text] = [character.getBoundingClientRect(), log.getBoundingClientRect()];
  const { offsetWidth: width, offsetHeight: shownHeight } = box;
  const tour = document.querySelector("#tour:not([hidden])")?.getBoundingClientRect();
  box.classList.toggle("sheet", shown.choice === undefined || tour !== undefined); // the chances of the first text stay beside it
  if (matchMedia(SHEET).matches && box.classList.contains("sheet")) {
    box.style.left = box.style.top = "";
    return;
  }
  if (letter.bottom < text.top || letter.top > text.bottom) return close();
  const why = /** @type {?HTMLElement} */ (box.querySelector(".why > .answer"));
  const isUnder = why !== null && why.offsetLeft < width / 2; // else beside the choices, as tall as they are
  const others = shownHeight - (isUnder ? why.clientHeight : 0);
  const height = others + (isUnder ? why.scrollHeight : 0);
  const floor = tour && tour.left < GAP ? tour.top : innerHeight; // its card is below the text, or beside it
  const [below, above] = [floor - letter.bottom, letter.top].map((space) => space - 2 * GAP);
  const isBelow = height <= below || above <= below;
  const isBeside = others > Math.max(below, above); // in a low window
  const middle = letter.left + letter.width / 2;
  const most = document.documentElement.clientWidth - width - GAP;
  const aligned = Math.max(text.left, Math.min(middle - 32, most, text.right - width));
  const right = letter.right + GAP;
  const beside = right <= most ? right : letter.left - GAP - width;
  const left = Math.max(GAP, isBeside ? beside : Math.min(aligned, most));
  const space = isBeside ? floor - 2 * GAP : isBelow ? below : above;
  box.style.setProperty("--space-for-why", `${space - others}px`);
  box.style.left = `${left}px`;
  const top = isBelow ? letter.bottom + GAP : letter.top - GAP - box.offsetHeight;
  box.style.top = `${Math.max(GAP, Math.min(top, floor - GAP - box.offsetHeight))}px`;
  box.style.setProperty("--arrow", `${middle - left}px`);
  box.classList.toggle("above", !isBelow);
  box.classList.toggle("beside", isBeside);
}

// Scrolls the page if the sheet covers the character, and where the page ends the text. The page gets the room for that below it.
function uncover() {
  const shown = state.alternatives.value;
  const isCovering = shown && shown.choice === undefined && matchMedia(SHEET).matches;
  const character = isCovering ? nodeAt(state.path, shown.position) : null;
  if (!character) return;
  const [body, text] = [document.body, findAll(log, "article").at(-1)].map((each) => each.getBoundingClientRect());
  const room = body.bottom - parseFloat(getComputedStyle(document.body).paddingBottom);
  const below = room - Math.min(text.bottom, log.getBoundingClientRect().bottom);
  document.body.style.setProperty("--sheet", `${Math.max(0, box.offsetHeight + 2 * GAP - below)}px`);
  const hidden = () =>
    Math.max(0, character.getBoundingClientRect().bottom + 2 * GAP - box.getBoundingClientRect().top);
  scrollBy({ top: hidden(), behavior: "instant" });
  log.scrollTop += hidden();
}

/** Adds the box to the pane, and opens it from the text. @param {HTMLElement} pane */
export function bindAlternatives(pane) {
  box = create("div", "alternatives");
  find(pane, ".frame").after(box);
  box.tabIndex = -1; // a click beside its buttons leaves the focus in it, and so Escape closes it
  box.role = "dialog";
  const again = ({ answer, position }) => state.isLost(answer.refusal) && open(position);
  state.onRetry(() => state.alternatives.value && again(state.alternatives.value));
  effect(() => {
    box.hidden = !state.alternatives.value;
    document.documentElement.classList.toggle("with-alternatives", !box.hidden);
    box.ariaLabel = titleOf(state.alternatives.value?.char ?? "");
  });
  render(html`<${Alternatives} />`, box);
  const shown = {
    get value() {
      return state.alternatives.value !== null && state.alternatives.value.choice === undefined;
    },
    set value(_) {
      close(true);
    },
  };
  closesOnBack(shown, false, ".log");
  let tapped = /** @type {typeof state.focus.value} */ (null); // in focus when a finger touched the text
  log.addEventListener("pointerdown", (event) => (tapped = event.pointerType === "touch" ? state.focus.value : null));
  log.addEventListener("click", (event) => onClick(event, tapped));
  log.addEventListener("mousedown", (event) => event.detail > 1 && event.preventDefault()); // a second click selects no word
  log.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== log) return;
    event.preventDefault();
    const last = state.turns.value.at(-1);
    if (positionNow() !== null) open(positionNow());
    else if (last) open(last.at + last.length - 1); // the arrow keys lead to the others
  });
  box.addEventListener("keydown", onKey);
  const closeFor = (target) => target instanceof Element && !box.contains(target) && close(false);
  box.addEventListener("focusout", ({ relatedTarget }) => closeFor(relatedTarget));
  document.addEventListener("pointerdown", ({ target }) => state.alternatives.value && closeFor(target));
  // Not as soon as the sheet is closed: in a shorter page another element could come under the finger before the click.
  document.addEventListener("click", () => box.hidden && document.body.style.removeProperty("--sheet"));
  new ResizeObserver(() => (place(), uncover())).observe(box); // its details arrive later
  for (const name of ["scroll", "resize"]) addEventListener(name, place, { capture: true, passive: true });
}

/** @param {MouseEvent} event @param {typeof state.focus.value} tapped */
function onClick(event, tapped) {
  if (!getSelection()?.isCollapsed || !(event.target instanceof Element)) return; // the visitor is selecting text
  const [lens, shown] = [state.lensNow(), placeOf(event.target) ?? nearest(event.target, event)];
  const isTappedAgain = shown && tapped?.traced === shown.traced && tapped.position === shown.position;
  const offersChoices = lens.offersChoices || isTappedAgain || !hasTouch(); // a lens follows the mouse, and a tap
  if (shown && offersChoices && shown.traced === state.path) return open(shown.position);
  if (shown && shown.traced !== state.path) {
    if (page.busy.value) return; // the second click of a double click
    if (page.comparison.value) openExchanged(shown.position);
    else if (state.welcome.other.value) openOther(shown.position);
    return;
  }
  if (shown) moveTo(shown.traced, shown.position).then(() => lens.reveal?.());
}

// The place of the nearest character of the reply on an empty line, between two lines or next to the end of one.
/** @param {Element} target @param {MouseEvent} event */
function nearest(target, event) {
  const text = target.closest(".prompt") ? null : target.closest(".text"); // the element under a pointer beside a line is not the line's
  const reply = text?.querySelector(".reply");
  return reply ? placeUnder(event, reply) : undefined;
}

// Goes on with the other version, and shows the alternatives to one of its characters. Both texts stay as they are scrolled.
/** @param {number} position */
async function openExchanged(position) {
  const texts = () => findAll(log, ".compared > .text");
  const tops = texts().map((each) => each.scrollTop);
  const { id } = page.comparison.value.other;
  await exchange();
  const isDrawn = () => log.querySelector(`[data-turn="${id}"] > [data-shown]`);
  const act = () => {
    if (!isDrawn()) return; // one of them was kept meanwhile
    for (const each of texts()) each.scrollTop = tops.pop(); // the other one is the last
    open(position);
  };
  page.once(() => (page.watch(state.frames), !page.comparison.value || isDrawn()), act);
}

// Writes the second ending of a welcome text, which becomes the conversation, and shows the alternatives to one of its characters once that is written.
/** @param {number} position */
function openOther(position) {
  const { at, text } = state.welcome.other.value;
  if (position <= at) return open(at); // both endings have it, or it is the changed one
  continueFrom(0, at + 1, { pick: [...text][0] });
  openRead(position, (id) => id > 0);
}

// Shows the alternatives to a character once its turn is read.
/** @param {number} position @param {(id: number) => boolean} isTurn */
function openRead(position, isTurn) {
  page.once(
    () => (page.watch(state.frames), page.refusal.value !== null || isTurn(state.turnAt(position)?.id ?? 0)),
    () => page.refusal.value === null && open(position),
  );
}

// Shows the alternatives to the character before or after.
/** @param {number} by  1 or -1 */
function goAlong(by) {
  const wanted = state.alternatives.value.position + by;
  if (!state.turnAt(wanted)) return;
  moveTo(state.path, wanted, { scroll: true });
  open(wanted);
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!state.alternatives.value) return;
  const choices = findAll(box, "button.choice");
  const at = choices.findIndex((each) => each === document.activeElement);
  const choose = (wanted) => choices[Math.max(0, Math.min(wanted, choices.length - 1))]?.focus();
  const acts = {
    Escape: () => close(true),
    ArrowDown: () => choose(at + 1),
    ArrowUp: () => choose(at - 1),
    ArrowLeft: () => goAlong(-1),
    ArrowRight: () => goAlong(1),
  };
  if (!acts[event.key]) return;
  event.preventDefault();
  event.stopPropagation(); // Escape also stops a reply, and the arrows move the focus in the text
  acts[event.key]();
}
