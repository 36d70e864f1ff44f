// Shows the turns of a conversation: prompts, replies, notes about each reply, and the version that the last one has replaced.

import { count } from "../engines/engine.js";
import { isOver, lastPart, pathTo, replyText, typedPrompt } from "../conversation/log.js";
import { LIMITS } from "../settings.js";
import { create, find, findAll, keepAtEnd, paragraph, setText } from "../document/dom.js";
import { number, percent, render, t } from "../document/words.js";
import { drawIn, draws, splitAt } from "../lenses/text/drawn_text.js";
import { quoted } from "../lenses/names.js";
import * as lenses from "../lenses/state.js";
import { invalidate } from "../lenses/text/focus.js";
import { COLOURS, alternatives, isUntried, lensNow, textOf, turns, welcome } from "../lenses/state.js";
import { authorOfReply, changed } from "../state/actions.js";
import * as state from "../state/state.js";

const LEAST = 80; // characters of an announcement, which ends with a sentence or a line
const MOST = 200; // characters; an announcement without the end of a sentence ends with a word
const MS_PER_CHARACTER = 60; // of speech
const UNEXPECTED = new Set(["blocked", "time"]); // endings that the visitor must see; a fault has a line of its own

/**
 * @import { Reply, Turn } from "../conversation/log.js"
 * @import { Model } from "../engines/engine.js"
 * @import { Path } from "../lenses/text/traced_text.js"
 */

export class ConversationView {
  /**
   * @param {HTMLElement} pane
   * @param {HTMLElement} actions  what can be done with the last reply; it is put below it
   * @param {HTMLElement} memory  what the network remembers of the welcome text; it is put below it
   */
  constructor(pane, actions, memory) {
    this.memory = memory;
    this.element = find(pane, ".log");
    this.lead = find(pane, ".welcome > .lead"); // what the colours mean
    this.actions = actions;
    this.pressed = /** @type {?HTMLElement} */ (null); // the last pressed button of the actions, until the focus is back
    actions.addEventListener(
      "click",
      ({ target }) => (this.pressed = target instanceof Element ? target.closest("button") : null),
    );
    this.written = 0; // the id of the turn that was being written since the last frame
    this.namesModels = false; // whether footers name the models: not all replies are by the chosen one
    const isHeld = () => alternatives.value !== null || state.shareBox.value !== null; // they scroll to what they show
    this.toEnd = keepAtEnd(this.element, isHeld);
    this.beginning = new Beginning(this.element);
    this.announcer = new Announcer(find(pane, ".frame"));
    this.isNew = false; // whether a reply was being written since the last frame; a short one may be complete by then
    state.onChange([state.isWriting], () => (this.isNew ||= state.isWriting.value));
    for (const name of ["focus", "blur"]) this.element.addEventListener(name, changed);
    state.onChange([lenses.frames], () => findAll(this.element, ".turn.compared:has(> .other)").forEach(showChange));
  }

  /** Shows the state. Until the models are known, the document's own welcome text stays. */
  update() {
    const [model, turns] = [state.model.value, pathTo(state.log.value)];
    this.namesModels = model !== null && turns.some((turn) => this.#modelOf(turn) !== model.name);
    const shown = new Set(turns.map((turn) => String(turn.id)));
    for (const node of findAll(this.element, ":scope > article"))
      if (!shown.has(String(node.dataset.turn))) node.remove();
    this.#showWelcome(turns.length ? null : model);
    const last = turns.at(-1);
    const shared = turns.find((turn) => turn.shared && turn.prompt);
    for (const turn of turns) this.#showTurn(turn, turn === last, turn === shared);
    this.#placeActions(last);
    this.beginning.update(last);
    const text = render(state.refusal.value);
    paragraph(this.element, "refusal", text);
    if (text) this.element.append(this.element.querySelector(":scope > .refusal"));
    const isWriting = last !== undefined && lastPart(last.reply)?.end === null;
    if (last) this.element.ariaBusy = String(isWriting);
    this.#announce(last, isWriting, text);
    const written = last && this.isNew ? last.id : 0;
    if (written && written !== this.written) this.toEnd(); // its reply begins
    [this.written, this.isNew] = [written, state.isWriting.value];
  }

  // While a reply is being written nothing can be done with it, and its text takes the room.
  /** @param {Turn | undefined} last */
  #placeActions(last) {
    const parent = last
      ? this.element.querySelector(`:scope > [data-turn="${last.id}"]`)
      : this.element.querySelector(":scope > .welcome");
    const next = parent && this.memory.parentElement === parent ? this.memory : null; // what is below the actions
    const above = next ? next.previousElementSibling : parent?.lastElementChild;
    if (parent && above !== this.actions) parent.insertBefore(this.actions, next);
    this.actions.hidden = state.busy.value || !parent;
    const { pressed } = this;
    const stop = find(document, "#ask button");
    if (this.actions.hidden && pressed && document.activeElement === document.body) stop.focus({ preventScroll: true });
    if (this.actions.hidden || !pressed) return;
    this.pressed = null;
    // It has lost the focus if it was hidden meanwhile, is below another turn now, or is gone once the actions are drawn.
    requestAnimationFrame(() => {
      const buttons = findAll(this.actions, "button");
      const same = buttons.find((each) => each.dataset.move && each.dataset.move === pressed.dataset.move);
      const button = pressed.isConnected ? pressed : (same ?? buttons[0]);
      const { activeElement } = document;
      if (activeElement === document.body || activeElement === stop) button?.focus({ preventScroll: true });
    });
  }

  /** The name of the model that wrote a turn's reply, as it is offered now if it is. @param {Turn} turn */
  #modelOf({ reply }) {
    return authorOfReply(reply)?.model.name ?? reply.model.name;
  }

  /** @param {Turn|undefined} turn  the last one @param {boolean} isWriting @param {string} refusal */
  #announce(turn, isWriting, refusal) {
    const reply = turn?.reply;
    const about = turn
      ? findAll(this.element, `:scope > [data-turn="${turn.id}"] > :is(.status, .notice, .fault, .mark)`)
      : [];
    this.announcer.update({
      key: turn ? String(turn.id) : "",
      text: reply ? replyText(reply) : "",
      isNew: this.isNew,
      isWriting,
      lines: [...about.map((each) => each.textContent), endingOf(reply), refusal].filter(Boolean),
    });
  }

  /** @param {?Model} model */
  #showWelcome(model) {
    let box = this.element.querySelector(":scope > .welcome");
    if (!model) return state.isStarted.value ? box?.remove() : undefined;
    if (!box) {
      box = create("div", "welcome");
      this.element.prepend(box);
      this.element.scrollTop = 0; // what was shown before may have been scrolled
      box.append(this.lead);
      create("p", "hint", box);
      addTurn(create("article", "", box), 0);
    }
    if (this.memory.parentElement !== box) box.append(this.memory);
    const hasColours = lensNow() === COLOURS; // the panel of a lens explains its own
    const isColoured = lenses.isColoured.value; // else what the colours mean, and what to do, has to wait
    this.lead.hidden = !model.welcome || !hasColours;
    this.lead.classList.toggle("waiting", !isColoured);
    const article = find(box, "article");
    if (model.welcome) for (const name of ["speed", "began"]) delete find(article, ".reply").dataset[name]; // ends document/first_paint.js
    const isDrawn = draws(article).reply;
    if (!isDrawn) setText(find(article, ".reply"), model.welcome);
    const writing = isDrawn && welcome.shown.value < Math.min(welcome.end.value, count(model.welcome));
    article.classList.toggle("writing", writing);
    this.element.ariaBusy = String(writing); // a screen reader waits for the whole text
    const read = textOf(state.log.value);
    const other = read && hasColours && welcome.other.value;
    for (const { classList } of [article, this.lead]) classList.toggle("compared", Boolean(other));
    if (other) {
      const text = [...model.welcome].slice(0, other.at).join("") + other.text;
      const about = { labels: [t("greeting.other"), t("compared.now")], titles: () => [] };
      drawBeside(article, { ...read, text, turns: [], begin: 0 }, 0, about, other.at + other.shown);
    } else removeBeside(article);
    setText(find(box, ".hint"), hasColours ? this.#hint() : "");
    find(box, ".hint").classList.toggle("waiting", !isColoured || writing || alternatives.value?.choice !== undefined); // the choices cover it
  }

  /** What the visitor can do with the letters. */
  #hint() {
    return t(this.element.matches(":focus-visible") ? "page.keys" : "greeting.change");
  }

  /**
   * @param {Turn} turn
   * @param {boolean} isLast
   * @param {boolean} isShared  whether it is the first one with a prompt from a share link
   */
  #showTurn(turn, isLast, isShared) {
    const { reply } = turn;
    /** @type {?HTMLElement} */
    const old = this.element.querySelector(`:scope > [data-turn="${turn.id}"]`);
    const node = old ?? addTurn(create("article", "turn", this.element), turn.id);
    const text = replyText(reply);
    node.classList.toggle("chat", reply.chat);
    const drawn = draws(node);
    if (!drawn.prompt) setText(find(node, ".prompt"), typedPrompt(turn));
    if (!drawn.reply) setText(find(node, ".reply"), text);
    const part = lastPart(reply);
    const writing = part?.end === null;
    node.classList.toggle("writing", writing);
    node.classList.toggle("cut", ["length", "abort"].includes(part?.end));
    node.classList.toggle("plain", !drawn.reply);
    paragraph(node, "status", writing && isLast ? render(state.waits.value) : "");
    const hasPicks = reply.parts.some((each) => each.picked);
    paragraph(
      node,
      "notice",
      render([
        ...(isShared && state.comparison.value?.now !== turn
          ? [{ id: hasPicks ? "notice.shared_picks" : "notice.shared_prompt" }]
          : []),
        ...reply.notices,
      ]),
    );
    paragraph(node, "fault", part?.error ? render(part.error) : "");
    paragraph(node, "mark", render(turn.check));
    const model = this.namesModels ? this.#modelOf(turn) : "";
    paragraph(node, "author", model && t("fact.model", { name: state.choiceOf(state.site.value, model) }));
    this.#showOther(node, turn, isLast);
    paragraph(node, "footer", UNEXPECTED.has(part?.end) ? endingOf(reply) : "");
    const untried = isUntried();
    const before = node.querySelector(":scope > .hint"); // keeps its room, so that the text stays where it was clicked
    const isHinted = isLast && state.hasLenses.value && text !== "" && !writing && (untried || before);
    paragraph(node, "hint", isHinted ? this.#hint() : "");
    before?.classList.toggle("done", !untried);
  }

  // The version that the last turn has replaced, beside it.
  /** @param {HTMLElement} node @param {Turn} turn @param {boolean} isLast */
  #showOther(node, turn, isLast) {
    const { old, now, other: version } = state.comparison.value ?? {};
    const shown = version && isLast ? turns.value.at(-1) : undefined;
    const other = shown && textOf(state.log.value, version.id);
    node.classList.toggle("compared", Boolean(other));
    if (!other) return removeBeside(node);
    const { at, given } = other.turns.at(-1);
    const read = { ...other, begin: at + given, prompt: typedPrompt(turn) };
    const inOrder = (both) => (version === old ? both : both.reverse());
    const titles = () => inOrder(titlesOf(old.reply, now.reply));
    const labels = inOrder([t("compared.old"), t("compared.now")]);
    drawBeside(node, read, shown.at + shown.given, { labels, titles });
    node.classList.toggle("exchanged", version === now);
  }
}

/** The titles of two versions: what is different in them, such as the chosen letter. @param {Reply} old @param {Reply} now */
function titlesOf(old, now) {
  const [before, after] = [lastPart(old), lastPart(now)];
  const chosen = now.parts.findLastIndex((part) => part.picked);
  const kept = [...replyText({ ...now, parts: now.parts.slice(0, chosen + 1) })]; // none if no letter was chosen
  const replacedText = [...replyText(old)].slice(Math.max(kept.length - 1, 0));
  const [letter, replaced] = kept.length ? [kept.at(-1), replacedText[0]] : [];
  const isHeldAlike = JSON.stringify(before.cells) === JSON.stringify(after.cells);
  const held = ({ cells }) => (cells.length ? cells.map(state.clampName) : [t("compared.free")]);
  const [was, is] = [before, after].map((part) => (isHeldAlike ? [] : held(part)));
  if (letter !== replaced) {
    is.push(t("compared.letter", { letter: quoted(letter), replaced: quoted(replaced) }));
    if (replacedText.length < after.settings?.length / 3) was.push(t("compared.ended"));
  }
  const [temperatureBefore, temperature] = [before, after].map(({ settings }) => settings?.temperature);
  if (temperature !== temperatureBefore) {
    was.push(t("fact.temperature", { temperature: number(temperatureBefore) }));
    is.push(
      t(temperature > temperatureBefore ? "compared.wilder" : "compared.calmer", { temperature: number(temperature) }),
    );
  }
  if (!is.length) is.push(t("compared.ending"));
  return [
    was.length ? t("compared.before_with", { what: was }) : t("compared.before"),
    t("compared.now_with", { what: is }),
  ];
}

/**
 * Draws the other version in an element beside the text of an article.
 * @param {Element} article  of a turn; it has the text that is shown
 * @param {Path & {begin: number, prompt?: string}} path  the other text, the position of its reply, and the prompt before it
 * @param {number} begin  the position of the reply that is shown
 * @param {{labels: string[], titles: () => string[]}} about  the accessible names and the titles of both texts, the other first
 * @param {number} shown  how many characters of the other text are shown now
 */
function drawBeside(article, path, begin, { labels, titles }, shown = Infinity) {
  const box = /** @type {HTMLElement} */ (
    article.querySelector(":scope > .other") ?? create("div", "other text", article)
  );
  if (!box.firstChild) {
    box.setAttribute("lang", ""); // unknown, as that of the reply
    const now = /** @type {HTMLElement} */ (article.querySelector(":scope > .text:not(.other)"));
    [box.role, now.role] = ["group", "group"];
    [box.ariaLabel, now.ariaLabel] = labels;
    [box.dataset.title, now.dataset.title] = titles();
    const prompt = create("span", "prompt", box);
    for (const [n, line] of (path.prompt ?? "").split(/(?<=\n)/).entries())
      create("span", n ? "line block" : "line", prompt).textContent = line;
    create("span", "reply", box);
  }
  const { other } = lenses;
  invalidate(other, other.set(path));
  const [one, two] = [lenses.path.chars, other.chars];
  let same = 0;
  while (begin + same < one.length && one[begin + same] === two[path.begin + same]) same++;
  drawIn(box.querySelector(".reply"), path.begin, Math.min(two.length, path.begin + shown), other, two.length);
  splitAt(article.querySelector(":scope > .text:not(.other) .reply"), same);
  splitAt(box.querySelector(".reply"), same);
  showChange(article);
}

// Scrolls to both changed letters, once they and the prompts above them are drawn, if a text is longer than its box: what follows
// them is to be seen.
/** @param {Element} article */
function showChange(article) {
  const marked = findAll(article, ".changed");
  const texts = findAll(article, ":scope > .text");
  const isLong = texts.some((each) => each.scrollHeight > each.clientHeight + 1);
  const drawn = [
    findAll(article, ".same").length,
    isLong,
    ...texts.map((each) => find(each, ".prompt").offsetHeight),
  ].join(" ");
  const box = find(article, ".other");
  if (marked.length < 2 || box.dataset.shown === drawn) return;
  box.dataset.shown = drawn;
  if (isLong) scrollToChange(marked);
}

// Scrolls both versions to the line of the changed letter.
/** @param {HTMLElement[]} marked  the letters */
function scrollToChange(marked) {
  for (const each of marked) {
    const text = each.closest(".text");
    const [title, line] = [
      parseFloat(getComputedStyle(text, "::before").height),
      parseFloat(getComputedStyle(text).lineHeight),
    ];
    const { top, height } = each.getBoundingClientRect();
    const above = top - (line - height) / 2 - text.getBoundingClientRect().top + text.scrollTop - title; // to the top of its line
    text.classList.toggle("from-change", above > 2 * line);
    text.scrollTop = above > 2 * line ? above - line : 0; // the line before it is below the title
    if (!text.matches(".other")) continue;
    const end = find(text, ".reply").getBoundingClientRect().bottom - text.getBoundingClientRect().top;
    const below = parseFloat(getComputedStyle(text).paddingBottom);
    text.parentElement.style.setProperty("--other-height", `${Math.ceil(end + below)}px`);
  }
}

/** Removes the other version from an article. @param {Element} article */
function removeBeside(article) {
  const box = article.querySelector(":scope > .other");
  if (!box) return;
  box.remove();
  const now = article.querySelector(":scope > .text");
  [now.role, now.ariaLabel] = [null, null];
  splitAt(now.querySelector(".reply"), -1);
  invalidate(lenses.other, lenses.other.set(null));
}

/** Adds the elements for a turn's text to its element. @param {HTMLElement} article @param {number} id */
function addTurn(article, id) {
  article.dataset.turn = String(id);
  const text = create("div", "text", article);
  text.lang = ""; // unknown: the model's language is not the page's
  create("span", "prompt", text);
  create("span", "reply", text);
  return article;
}

/** Returns why a reply has ended; "" while it is written. @param {Reply | undefined} reply */
function endingOf(reply) {
  const end = reply && lastPart(reply)?.end;
  if (!end) return "";
  return t(`ending.${isOver(reply) ? "finished" : end === "changed" ? "abort" : end}`, {
    minutes: LIMITS.reply_minutes,
  });
}

/**
 * Returns the facts of a reply: how long it is and why it ended, then how to write it again.
 * @param {Reply} reply
 */
export function facts(reply) {
  const last = lastPart(reply);
  const found = [t("fact.characters", { count: count(replyText(reply)) })];
  const picked = reply.parts.filter((part) => part.picked).length;
  if (picked) found.push(t("fact.picked", { count: picked }));
  if (reply.second) {
    const models = `${state.nameOf(reply.model.name)} + ${state.nameOf(reply.second.name)}`;
    found.push(t("fact.blend", { models, share: percent(last.settings?.share ?? 0.5) }));
  }
  const cells = new Map(reply.parts.flatMap((part) => part.cells).map((cell) => [JSON.stringify(cell), cell]));
  found.push(...[...cells.values()].map(state.clampName));
  found.push(endingOf(reply));
  if (last.settings) found.push(t("fact.temperature", { temperature: number(last.settings.temperature) }));
  if (last.settings) found.push(t("fact.seed", { seed: last.settings.seed }));
  if (last.rate) found.push(t("fact.speed", { rate: Math.round(last.rate) }));
  return found;
}

// The prompt of the last turn, above the text while it is out of sight: a button that goes back to it.
class Beginning {
  /** @param {HTMLElement} log  which is scrolled */
  constructor(log) {
    this.log = log;
    this.prompt = /** @type {?HTMLElement} */ (null);
    this.button = create("button", "beginning");
    [this.button.type, this.button.hidden] = ["button", true];
    log.before(this.button);
    const isAbove = ({ boundingClientRect, rootBounds }) => boundingClientRect.bottom <= rootBounds.top;
    this.observer = new IntersectionObserver((entries) => (this.button.hidden = !isAbove(entries.at(-1))), {
      root: log,
    });
    this.button.addEventListener("click", () => {
      log.focus({ preventScroll: true }); // the button goes
      this.prompt.closest("article").scrollIntoView({ block: "start" });
    });
  }

  /** @param {Turn | undefined} turn  the last one */
  update(turn) {
    const isShown = turn?.prompt && !state.comparison.value; // each version of a comparison begins with the prompt
    const prompt = isShown ? find(this.log, `:scope > [data-turn="${turn.id}"] .prompt`) : null;
    if (prompt === this.prompt) return;
    this.observer.disconnect();
    [this.prompt, this.button.hidden] = [prompt, true];
    if (!prompt) return;
    const text = typedPrompt(turn);
    setText(this.button, text);
    this.button.ariaLabel = t("page.beginning", { text });
    this.observer.observe(prompt);
  }
}

// Returns the length of the first announcement of a text; 0 while its end has not arrived.
function endOf(text) {
  for (const { index, 0: sign } of text.matchAll(/([.!?…]["'”’)]*(?=\s)|[。！？]|\n)\s*/g)) {
    const end = index + sign.length;
    if (end > MOST) break;
    if (end >= LEAST && end < text.length) return end;
  }
  if (text.length <= MOST) return 0;
  const space = text.lastIndexOf(" ", MOST);
  return space > 0 ? space + 1 : MOST;
}

// Announces a growing text to users of screen readers: whole sentences, one after another, at the speed of speech. If the
// text itself were a live region, it would be announced in fragments, whenever some characters arrive.
export class Announcer {
  /** @param {HTMLElement} parent  gets the live region, which is invisible */
  constructor(parent) {
    this.region = create("div", "for-readers announcements", parent);
    this.region.ariaLive = "polite";
    this.key = "";
    this.text = "";
    this.taken = 0; // UTF-16 units of the text that are announced or in the queue
    this.queue = /** @type {string[]} */ ([]);
    this.timer = 0;
    this.lines = /** @type {string[]} */ ([]);
  }

  /**
   * Announces what is new.
   * @param {object} shown
   * @param {string} shown.key  of the text; another key ends the announcements of the text before
   * @param {string} shown.text
   * @param {boolean} shown.isNew  whether the text was written since the last frame; one that the browser has stored is not announced
   * @param {boolean} shown.isWriting  whether the text still grows
   * @param {string[]} shown.lines  about the text, such as why it ended
   */
  update({ key, text, isNew, isWriting, lines }) {
    if (key !== this.key || !text.startsWith(this.text.slice(0, this.taken))) {
      this.taken = isNew ? keptOf(this.text, text) : text.length;
      this.queue = [];
      this.lines = isNew ? [] : lines;
    }
    [this.key, this.text] = [key, text];
    while (this.taken < text.length) {
      const rest = text.slice(this.taken);
      const end = endOf(rest) || (isWriting ? 0 : rest.length);
      if (!end) break;
      this.queue.push(rest.slice(0, end));
      this.taken += end;
    }
    for (const line of lines) if (!this.lines.includes(line)) this.queue.push(line);
    this.lines = lines;
    this.#next();
  }

  #next() {
    if (this.timer) return; // the last announcement is being read, also if its text is no longer shown
    this.region.replaceChildren(); // the text itself is in the document, too
    const piece = this.queue.shift()?.trim();
    if (piece === undefined) return;
    if (piece) setText(create("p", "", this.region), piece);
    this.timer = setTimeout(() => ((this.timer = 0), this.#next()), piece.length * MS_PER_CHARACTER);
  }
}

// Returns how many characters of a reply that is rewritten from some character on are those of the old reply.
function keptOf(before, now) {
  let same = 0;
  while (same < now.length && before[same] === now[same]) same++;
  return same >= LEAST ? same : 0;
}
