// Share: makes a link to what was written, saves it in other forms, and writes the text of a link that someone opened.

import { fingerprint, readLink, writeLink } from "../conversation/links.js";
import * as logs from "../conversation/log.js";
import * as authors from "../conversation/replies.js";
import { surprisalsOf } from "../conversation/writer.js";
import { Refusal, count, isLocal, refusal, shownName } from "../engines/engine.js";
import { copyText, fileName, save } from "../document/dom.js";
import { render, t } from "../document/words.js";
import { begin, changed, engine, refusalOf, restore, run, writer } from "../state/actions.js";
import * as state from "../state/state.js";
import { textOf } from "../lenses/state.js";
import { SETTINGS } from "../settings.js";
import { drawPicture } from "./picture.js";

/**
 * @import { Link } from "../conversation/links.js"
 * @import { Log, Reply, Turn } from "../conversation/log.js"
 * @import { Author } from "../conversation/replies.js"
 * @import { Message } from "../document/words.js"
 * @import { Model, ModelRef, Site } from "../engines/engine.js"
 */

/**
 * The link to the last turn and to the turns that its model remembers.
 * @param {Log} log
 * @param {Site} site
 * @returns {Promise<string>} its parameters
 * @throws {Refusal}
 */
async function linkTo(log, site) {
  const replies = logs.remembered(log);
  if (!logs.lastTurn(log)) throw refusal("refusal.no_reply");
  if (!replies.length) throw refusal("link.beginning_gone");
  const last = replies.at(-1).reply;
  const isWhole = (reply) => !reply.before && reply.parts.every((part) => part.settings);
  if (!replies.every(({ reply }) => logs.sameModels(reply, last) && isWhole(reply))) throw refusal("link.two_commits");
  const steps = replies.flatMap(({ turn, reply }) => stepsOf(turn, reply));
  const second = last.second && linkRef(last.second, site);
  const models = [last.model, last.second].flatMap((each) => (each && authors.findModel(site, each.name)) ?? []);
  const text = (await hashOf(log)) ?? "";
  const version = models.length ? authors.versionOf(models) : "";
  return writeLink({ steps, model: linkRef(last.model, site), second, version, text });
}

/** The hash of the text that a link writes. @param {Log} log */
function hashOf(log) {
  const texts = logs.remembered(log).map(({ reply }) => logs.replyText(reply));
  return fingerprint(texts.join(""));
}

/** @param {Turn} turn @param {Reply} reply */
function stepsOf(turn, reply) {
  const parts = reply.parts.filter((part) => part.text);
  if (!parts.length) throw refusal("link.nothing_written");
  return parts.flatMap((part, at) => {
    if (!part.settings) return [];
    // The link asks a stopped reply for as many characters as it had; a reply that ended by itself will end there again.
    const length = part.end === "stop" ? part.settings.length : count(part.text);
    const prompt = at ? null : turn.prompt;
    const pick = part.picked ? ([...part.text].at(-1) ?? "") : "";
    return { prompt, settings: { ...part.settings, length }, new_seed: !part.draw_offset, pick, cells: part.cells };
  });
}

/**
 * How a link names a model: the page's first one needs no name if it was loaded from a folder.
 * @param {ModelRef} ref
 * @param {Site} site
 */
function linkRef({ name, commit }, site) {
  const model = site.models.find((each) => each.name === name);
  if (!commit && model && model === authors.readyModels(site)[0]) return { name: "", commit: "" };
  return { name: authors.repoOf({ name, commit }), commit };
}

/** Shows the link, copied where the browser allows it, and the other ways to share. @throws {Refusal} there is no link */
export async function showLink() {
  const [log, site] = [state.log.value, state.site.value];
  state.shareBox.value = logs.lastTurn(log) && { address: "", note: "" };
  try {
    const query = await linkTo(log, site); // without one, the text and its picture can be saved all the same
    const address = `${site.address || location.origin + location.pathname}?${query}`;
    const last = logs.lastTurn(log).reply;
    const local = [last.model, last.second].find((each) => each && isLocal(each.name));
    state.shareBox.value = { address, note: "" };
    await frame();
    const isCopied = await copyText(address, document.querySelector("#share-link input"));
    const turns = logs.remembered(log).length;
    const hasWords = logs.remembered(log).some(({ turn }) => turn.prompt);
    const labels = { publish: { id: "train.publish" }, train: { id: "train.title" } };
    const notes = [
      { id: isCopied ? "share.copied" : "share.copy_here" },
      local
        ? { id: "share.local", values: { name: shownName(local.name), ...labels } }
        : { id: hasWords ? "share.opened_words" : "share.opened" },
      ...(turns < logs.pathTo(log).length ? [{ id: "share.part", values: { count: turns } }] : []),
    ];
    show({ note: render(notes) });
  } catch (error) {
    if (!state.shareBox.value) throw error;
    show({ note: render(refusalOf(error)) }); // beside the other ways
  } finally {
    await reveal();
  }
}

/** Changes what the box shows, if it is open. @param {Partial<typeof state.shareBox.value>} changed */
function show(changed) {
  if (state.shareBox.value) state.shareBox.value = { ...state.shareBox.value, ...changed };
}

const frame = () => new Promise(requestAnimationFrame);

// Scrolls the page, if the result lies outside the window, by no more than it needs.
async function reveal() {
  await frame();
  // The link is in view also where the whole box is not: beside the panel of a lens a phone's conversation is low.
  for (const part of ["", " input"]) document.querySelector(`#share-link${part}`)?.scrollIntoView({ block: "nearest" });
}

/** @type {Record<string, () => Blob | Promise<Blob>>} the files that can be saved, by their names in the box */
const FILES = {
  picture: async () => {
    const page = document.querySelector(".char-lstm");
    return drawPicture(engine, textOf(state.log.value), state.titleOf(state.site.value), page);
  },
  txt: () => new Blob([logs.wholeText(state.log.value)], { type: "text/plain" }),
  json: () => {
    const log = { ...state.log.value, controls: { ...state.log.value.controls, draft: "", link: null } }; // not what was not sent
    return new Blob([`${JSON.stringify(log, null, 1)}\n`], { type: "application/json" });
  },
};

/** Saves the text as a file. @param {string} way */
export async function saveAs(way) {
  try {
    const name = `${fileName(document.title)}.${way === "picture" ? "png" : way}`;
    save(await FILES[way](), name);
    show({ note: t("share.saved", { name }) });
  } catch (error) {
    show({ note: render(refusalOf(error)) });
  }
  await reveal();
}

/**
 * Shows the settings and the model of a link, and starts to write its text if it has one.
 * @param {string} query  the parameters of the address
 * @throws {Refusal} it cannot be written here
 */
export async function openLink(query) {
  let [link, models, isNew] = [/** @type {?Link} */ (null), /** @type {Model[]} */ ([]), true];
  let prompt = ""; // of a refused link, to be sent without the rest
  try {
    link = readLink(query);
    if (link.writes || link.model.name) models = authors.modelsOfLink(link, state.site.value);
    isNew = link.writes; // also after a fault, so that a reload does not refuse the link again
  } catch (error) {
    const isEarly = error instanceof Refusal && error.reason.id === "refusal.loading"; // then it is opened again
    if (!isEarly && !state.draft.value) prompt = new URLSearchParams(query).get("prompt") ?? "";
    throw error;
  } finally {
    if (isNew && logs.lastTurn(state.log.value)) begin(); // before the settings change, which it stores
    if (prompt) state.beforeLink.value = { before: { draft: "" }, after: { draft: prompt }, isPreset: false };
    state.draft.value ||= prompt;
  }
  const { draft, link: old, ...settings } = state.controls();
  const before = { ...settings, ...state.settingsBeforeLink() };
  const [model, second] = models.map(({ name }) => name);
  restore({ ...link.controls, ...(model && { model, second: state.blendOf(second ?? null) }) });
  const note = () => {
    const { link: old, ...after } = state.controls();
    state.beforeLink.value = { before, after, isPreset: !link.writes };
  };
  note();
  if (!link.writes) return state.openChanged();
  const prompts = link.steps.flatMap((step) => step.prompt || []);
  await engine.check?.({ ...authors.refsOf(authors.authorOf(models[0], models[1])), texts: prompts }); // a blocked word
  if (logs.lastTurn(state.log.value)) return; // begun meanwhile
  run(() => follow(link)); // not awaited: the page can be used while it is written
  note(); // a new conversation begins without it
  const { after } = state.beforeLink.value;
  if (Object.keys(before).some((name) => before[name] !== after[name])) state.message.value = { id: "link.settings" };
}

/** Writes the text of a link step by step, and shows whether it is the shared one. @param {Link} link */
export async function follow(link) {
  const models = authors.modelsOfLink(link, state.site.value);
  const author = authors.authorOf(models[0], models[1]);
  const last = link.steps.findLastIndex((step) => step.prompt !== null);
  if (logs.lastTurn(state.log.value)) begin();
  const steps = link.steps.slice(last); // that write the last reply
  const length = steps.reduce((sum, { settings }) => sum + settings.length, 0);
  const second = state.blendOf(models[1]?.name ?? null);
  restore({
    ...link.controls,
    ...link.steps.at(-1).settings,
    length: Math.min(length, SETTINGS.length.maximum),
    model: models[0].name,
    second,
  });
  state.followed.value = link;
  for (const [at, step] of link.steps.entries()) {
    state.log.value.held = { model: models[0].name, cells: step.cells };
    const speed = at < last ? null : state.speed.value;
    const options = { settings: step.settings, seed_given: true, speed, author, isExact: true };
    if (step.prompt !== null) await writer.send(step.prompt, options, { shared: true });
    else await writer.continueReply(options, { newSeed: step.new_seed });
    if (state.followed.value !== link) return;
    const turn = logs.lastTurn(state.log.value);
    if (!turn) return;
    turn.shared = true;
    const part = logs.lastPart(turn.reply);
    const failed = unfinished(part) || (step.pick && !pick(turn.reply, step.pick, author) ? "check.unknown_pick" : "");
    if (failed) return end([{ id: failed }]);
  }
  await check(link, models);
}

/** @param {Link} link @param {Model[]} models */
async function check(link, models) {
  const rounding = authors.versionOf(models) === "float32" ? [{ id: "check.rounding" }] : [];
  const isTyped = !("seed" in link.controls); // Share always writes a seed; without one there is no earlier text to compare with
  if (!link.text)
    return end(link.damaged ? [{ id: "check.damaged" }] : [{ id: isTyped ? "check.new_text" : "check.no_hash" }]);
  const found = await hashOf(state.log.value);
  if (!found) return end([{ id: "check.no_https" }]);
  if (found === link.text) return end([{ id: "check.same" }, ...rounding]);
  const reasons = authors.differences(link, models);
  if (!reasons.length)
    reasons.push({ id: models.every((model) => model.commit) ? "difference.changed" : "difference.folder" });
  end([{ id: "check.different", values: { reasons } }, ...rounding]);
}

/** @param {Message[]} check */
function end(check) {
  state.followed.value = null;
  const turn = logs.lastTurn(state.log.value);
  if (turn) turn.check = check;
  changed();
}

/** Why the link's text cannot continue after a part; "" if it can. @param {ReturnType<typeof logs.lastPart>} part */
function unfinished(part) {
  if (part?.end === "length" || part?.end === "stop") return "";
  return part?.end === "blocked" ? "check.blocked" : "check.unfinished";
}

/**
 * Puts the sender's character in the place of the last one that was written.
 * @param {Reply} reply
 * @param {string} character
 * @param {Author} author
 * @returns {boolean} whether it could
 */
function pick(reply, character, author) {
  const part = logs.lastPart(reply);
  if (part?.end !== "length" || !author.vocab.has(character)) return false;
  part.text = [...part.text].slice(0, -1).join("") + character;
  part.picked = true;
  surprisalsOf(reply)[count(logs.replyText(reply)) - 1] = undefined; // it was that of the other character
  return true;
}
