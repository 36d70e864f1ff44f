// The stage, which shows a demonstration instead of the conversation: its heading, its result and its texts, or the samples of a
// model's training, which are played from random weights to the last step.

import { batch, html, render, signal, useLayoutEffect, useRef, useSignal } from "../vendor/preact.js";
import { Button, find, focusPrompt } from "../document/dom.js";
import { number, render as textOf, t } from "../document/words.js";
import { colourOf } from "../lenses/state.js";
import { close, engine, stop } from "../state/actions.js";
import * as state from "../state/state.js";
import { randomSeed } from "../settings.js";
import { meanOf } from "../lenses/names.js";
import { DEMONSTRATIONS, newShowing, run } from "./shown.js";

const FIRST_SEED = 2; // with it the visible lines of Shakespeare become clearly shorter; "Again" uses a random one
const BUTTONS = { send: { id: "move.send" } };
const FEW = 3; // lines; the mean of fewer says little before the text is complete
const WHOLE_MS = 10_000; // for all samples together

/** @import { Column, Showing } from "./shown.js" */

const showing = signal(/** @type {?Showing} */ (null));

/** Draws the stage while a demonstration is shown. @param {HTMLElement} root @param {any} train  the link to a training */
export function drawStage(root, train) {
  const [box, pane] = ["#stage", ".pane"].map((each) => find(root, each));
  const log = find(pane, ".log");
  let scrolled = 0;
  render(html`<${Stage} train=${train} />`, box);
  // Wherever the focus is, and before what else the key may close or stop.
  const onKey = (event) => {
    if (event.key !== "Escape" || !state.demonstration.value) return;
    event.preventDefault();
    leave();
  };
  document.addEventListener("keydown", onKey, true);
  state.onChange([state.demonstration], () => {
    const isShown = state.demonstration.value !== "";
    if (isShown !== box.hidden) return;
    if (isShown) scrolled = log.scrollTop; // a hidden text loses it
    [box.hidden, pane.hidden] = [!isShown, isShown];
    if (isShown) return;
    log.scrollTop = scrolled;
    showing.value.ended.abort();
    showing.value = null;
  });
}

/** Shows a demonstration. @param {string} name @returns {Promise<void>} when its texts are complete */
export async function show(name, seed = FIRST_SEED) {
  const model = state.model.value;
  if (!model) return;
  showing.value?.ended.abort();
  batch(() => {
    state.message.value = null; // it may be about the demonstration before
    state.tourStep.value = 0;
    state.demonstration.value = name;
    showing.value = newShowing(name, model, seed, engine);
  });
  await run(showing.value);
}

// Shows the conversation again.
const leave = () => close(state.demonstration);

// Leaves the visitor at the prompt, with the control set and one sentence about what to do.
/** @param {Showing} showing */
function tryIt({ name, model, seed }) {
  if (state.busy.value) stop(); // Continue writes the rest
  state.demonstration.value = "";
  const { about, set } = DEMONSTRATIONS[name];
  const values = about(model, seed);
  set(values);
  state.openChanged();
  state.message.value = { id: `demo.${name}.try`, values: { ...BUTTONS, ...values } };
  state.draft.value ||= model.examples[0] ?? "";
  focusPrompt();
  find(document, "#message").scrollIntoView({ block: "nearest" });
}

function Stage({ train }) {
  const [heading, now] = [useRef(/** @type {?HTMLElement} */ (null)), showing.value];
  useLayoutEffect(() => {
    heading.current?.focus({ preventScroll: true });
    heading.current?.closest("#stage").scrollIntoView({ block: "nearest" });
  }, [now]);
  if (!now) return null;
  const { name, waits, message, isDone, body } = now;
  const [title, Body] = [t(`demo.${name}`), body.value?.samples ? Learning : Columns];
  const view = body.value && html`<${Body} train=${train} ...${body.value} />`;
  const again = html`<${Button} onPress=${() => show(name, randomSeed())}>${t("demo.again")}<//>`;
  const tries = html`<${Button} onPress=${() => tryIt(now)}>${t("demo.try")}<//>`;
  return html`
    <div class="head">
      <h2 id="stage-title" tabindex="-1" ref=${heading}>${title}</h2>
      <${Button} class="close" onPress=${leave}>${t("demo.close")}<//>
    </div>
    <p class=${isDone.value ? "result done" : "result"} role="status">
      ${textOf(waits.value.length ? waits.value : message.value)}
    </p>
    ${view}
    <div class="actions">${DEMONSTRATIONS[name] && [again, tries]}</div>`;
}

/** Texts side by side, where there is room; `most` is the length of their longest line. */
function Columns({ columns, isMeasured, most, prompt }) {
  const shown = useSignal(columns.length - 1); // on a phone, which shows one text at a time: first the one that surprises
  const views = columns.map(
    (column, at) =>
      html`<${Text} key=${column.title} ...${column} prompt=${prompt} isMeasured=${isMeasured} isShown=${at === shown.value} />`,
  );
  const choices = columns.map(({ title }, at) => {
    const press = () => (shown.value = at);
    return html`<${Button} key=${title} aria-pressed=${at === shown.value} onPress=${press}>${title}<//>`;
  });
  const style = { "--columns": columns.length, "--most": most.value };
  const kind = isMeasured ? "body columns-of-text measured" : "body columns-of-text";
  return html`
    <div class="one-of-the-texts" role="group" aria-label=${t("demo.which")}>${choices}</div>
    <div class=${kind} style=${style}>${views}</div>`;
}

/** @param {Column & {prompt: string, isMeasured: boolean, isShown: boolean}} properties */
function Text({ title, text, bits, lengths, isWhole, isCut, prompt, isMeasured, isShown }) {
  const bars = lengths.value.map((length, at) => html`<i key=${at} style=${{ "--length": length }}></i>`);
  const mean = isWhole.value || lengths.value.length >= FEW ? meanOf(lengths.value) : null;
  const measure = html`
    <div class="measure">
      <p><b>${mean === null ? "–" : number(mean, 0)}</b> ${t("demo.lines.mean")}</p>
      <div class="bars" aria-hidden="true">${bars}</div>
    </div>`;
  const colour = (cost) => (typeof cost === "number" ? colourOf(cost) : ""); // null: it is not known
  let drawn = 0;
  const lines = text.value.split(/(?<=\n)/).map((line, at, all) => {
    const characters = bits.value && [...line].map((each) => html`<i class=${colour(bits.value[drawn++])}>${each}</i>`);
    const isCutHere = isCut.value && at === all.length - 1;
    return html`<span class="line">${at === 0 && html`<b>${prompt}</b>`}${characters ?? line}${isCutHere && "…"}</span>`;
  });
  // The language of the text is not known; a long one can be scrolled.
  return html`
    <section class=${isShown ? "shown" : ""} aria-label=${title}>
      <h3>${title}</h3>
      ${isMeasured && measure}
      <div class="text" lang="" tabindex="0" role="group" aria-label=${title}>${lines}</div>
    </section>`;
}

/**
 * The sample at a position, and the player. A sample is shown longer the earlier its step is: a network learns most then.
 * @param {ReturnType<typeof import("./shown.js").chosen> & {at: {value: number}, isPlaying: {value: boolean}, onEnd: () => void, train: any}} properties
 */
function Learning({ samples, places, at, isPlaying, onEnd, train }) {
  const last = samples.length - 1;
  const [step, text] = samples[at.value];
  useLayoutEffect(() => {
    if (at.value === last) {
      isPlaying.value = false;
      onEnd();
    }
    if (!isPlaying.value) return;
    const timer = setTimeout(() => at.value++, WHOLE_MS * (places[at.value + 1] - places[at.value]));
    return () => clearTimeout(timer);
  }, [samples, at.value, isPlaying.value]);
  const press = () => {
    if (at.value === last) at.value = 0;
    isPlaying.value = !isPlaying.value;
  };
  const slide = (event) => {
    isPlaying.value = false;
    at.value = Number(event.target.value);
  };
  const label = t(at.value ? "demo.learn.step" : "demo.learn.start", { step, last: samples[last][0] });
  return html`
    <div class="body learning">
      <div class="text" lang="" tabindex="0" role="group" aria-label=${t("demo.learn.text")}>${text}</div>
      <div class="player">
        <${Button} onPress=${press}>${t(isPlaying.value ? "demo.learn.pause" : "demo.learn.play")}<//>
        <input type="range" min="0" max=${last} step="1" value=${at.value} onInput=${slide}
          aria-label=${t("demo.learn.slider")} aria-valuetext=${label} />
      </div>
      <div class="footer"><p class="now">${label}</p>${train}</div>
      <p class="scale">${t("demo.learn.scale")}</p>
    </div>`;
}
