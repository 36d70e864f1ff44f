// Share: makes a link to what was written, saves it in other forms, and writes the text of a link that someone opened.

import { LinkError } from "../conversation/link_error.js";
import { checkClamps, collectFault, faultyLink, fingerprint, readLink, writeLink } from "../conversation/links.js";
import {
  count,
  lastPart,
  lastTurn,
  pathTo,
  remembered,
  replyText,
  sameModels,
  wholeText,
} from "../conversation/log.js";
import {
  authorOf,
  differences,
  findModel,
  modelsOfLink,
  readyModels,
  refsOf,
  repoOf,
  versionOf,
} from "../conversation/models.js";
import { isLocal, shownName } from "../engines/refusal.js";
import { copyText, find, setText } from "../document/dom.js";
import { render, t } from "../document/words.js";
import { titleOf } from "../page/intro.js";
import { refusalOf } from "../page/refusals.js";
import { SETTINGS } from "../settings.js";
import { fileName, frameCode, logJson, save } from "./files.js";
import { drawPicture } from "./picture.js";

/**
 * @import { Link, Step } from "../conversation/links.js"
 * @import { Log, Reply, Turn } from "../conversation/log.js"
 * @import { Author } from "../conversation/models.js"
 * @import { Message } from "../document/words.js"
 * @import { Model, ModelRef, Site } from "../engines/engine.js"
 */

/**
 * The link to the last turn and to the turns that its model remembers.
 *
 * @param {Log} log
 * @param {Site} site
 * @returns {Promise<string>} its parameters
 * @throws {LinkError}
 */
export async function linkTo(log, site) {
  const replies = remembered(log);
  if (!lastTurn(log)) throw new LinkError("refusal.no_reply");
  if (!replies.length) throw new LinkError("link.beginning_gone");
  const last = replies.at(-1).reply;
  const whole = replies.every(
    ({ reply }) => sameModels(reply, last) && !reply.before && reply.parts.every((part) => part.settings),
  );
  if (!whole) throw new LinkError("link.two_commits");
  const steps = replies.flatMap(({ turn, reply }) => stepsOf(turn, reply));
  const second = last.second && linkRef(last.second, site);
  const models = [last.model, last.second].flatMap((each) => (each && findModel(site, each.name)) ?? []);
  const text = (await hashOf(log)) ?? "";
  return writeLink({
    steps,
    model: linkRef(last.model, site),
    second,
    version: models.length ? versionOf(models) : "",
    text,
  });
}

/** The hash of the text that a link writes. @param {Log} log */
function hashOf(log) {
  return fingerprint(
    remembered(log)
      .map(({ reply }) => replyText(reply))
      .join(""),
  );
}

/**
 * @param {Turn} turn
 * @param {Reply} reply
 */
function stepsOf(turn, reply) {
  const parts = reply.parts.filter((part) => part.text);
  if (!parts.length) throw new LinkError("link.nothing_written");
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
  if (!commit && model && model === readyModels(site)[0]) return { name: "", commit: "" };
  return { name: repoOf({ name, commit }), commit };
}

export class Share {
  /**
   * @param {import("../page/main.js").Page} page
   * @param {import("./sharing.js").Sharing} sharing
   */
  constructor(page, sharing) {
    this.box = sharing.box;
    this.note = find(this.box, "p");
    this.page = page;
    this.sharing = sharing;
    this.address = ""; // of the link that is shown
    this.#listen();
  }

  /** Shows the link, copied where the browser allows it, and the other ways to share. @throws {LinkError} there is no link */
  async share() {
    try {
      await this.#show();
    } finally {
      this.#reveal();
    }
  }

  async #show() {
    const { page } = this;
    const site = page.site();
    const [input, code] = [find(this.box, "input", HTMLInputElement), find(this.box, "textarea", HTMLTextAreaElement)];
    [code.hidden, input.hidden] = [true, true];
    setText(this.note, "");
    this.box.hidden = !lastTurn(page.log());
    const query = await linkTo(page.log(), site).catch((error) => {
      this.#button("embed").hidden = true; // the text and its picture can be saved all the same
      throw error;
    });
    this.address = `${site.address || location.origin + location.pathname}?${query}`;
    [input.value, input.hidden] = [this.address, false];
    const last = lastTurn(page.log()).reply;
    const local = [last.model, last.second].find((each) => each && isLocal(each.name));
    // The app's page has no engine in the visitor's browser, and a model of this browser is in no other.
    this.#button("embed").hidden = !document.body.classList.contains("standalone") || local !== undefined;
    const copied = await copyText(this.address, input);
    const turns = remembered(page.log()).length;
    const isPart = turns < pathTo(page.log()).length;
    const labels = { publish: { id: "train.publish" }, train: { id: "train.title" } };
    const notes = [
      { id: copied ? "share.copied" : "share.copy_here" },
      local ? { id: "share.local", values: { name: shownName(local.name), ...labels } } : { id: "share.opened" },
      ...(isPart ? [{ id: "share.part", values: { count: turns } }] : []),
    ];
    setText(this.note, render(notes));
  }

  /** Scrolls the page, if the result lies outside the window, by no more than it needs. */
  #reveal() {
    this.box.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} way */
  #button(way) {
    return find(this.box, `[data-way="${way}"]`, HTMLButtonElement);
  }

  #listen() {
    const { page } = this;
    const saved = (/** @type {Blob} */ blob, /** @type {string} */ ending) => {
      const name = `${fileName(find(page.root, "#intro h1").textContent)}.${ending}`;
      save(blob, name);
      return t("share.saved", { name });
    };
    /** @type {Record<string, () => string | Promise<string>>} each returns a line that says what it has done */
    const ways = {
      picture: async () =>
        saved(
          await drawPicture(page.engine, page.source.path(), titleOf(page.site()), find(page.root, ".char-lstm")),
          "png",
        ),
      text: async () =>
        (await copyText(wholeText(page.log()), find(page.root, ".log")))
          ? t("static.copied")
          : t("static.copy_selected"),
      txt: () => saved(new Blob([wholeText(page.log())], { type: "text/plain" }), "txt"),
      json: () => saved(new Blob([logJson(page.log())], { type: "application/json" }), "json"),
      embed: async () => {
        const code = find(this.box, "textarea", HTMLTextAreaElement);
        [code.value, code.hidden] = [frameCode(this.address, titleOf(page.site())), false];
        return t((await copyText(code.value, code)) ? "share.embed_copied" : "share.embed_here");
      },
    };
    for (const [way, share] of Object.entries(ways)) {
      this.#button(way).addEventListener("click", async () => {
        try {
          setText(this.note, await share());
        } catch (error) {
          setText(this.note, render(refusalOf(error)));
        }
        this.#reveal();
      });
    }
  }

  /**
   * Shows the settings of a link, and starts to write its text if it has one.
   * @param {string} query  the parameters of the address
   * @throws {LinkError | import("../engines/engine.js").Refusal} it cannot be written here; then its prompt is in the field
   */
  async open(query) {
    const { page } = this;
    const { link, models } = await this.#read(query);
    const before = page.controls.stored();
    page.controls.restore(link.controls);
    if (!link.writes) return page.controls.openChanged();
    this.sharing.own = { before, after: page.controls.stored() };
    const prompts = link.steps.flatMap((step) => step.prompt || []);
    await page.engine.check?.({ ...refsOf(authorOf(models[0], models[1])), texts: prompts }); // a blocked word
    if (lastTurn(page.log())) return; // begun meanwhile
    page.run(() => this.follow(link)); // not awaited: the page can be used while it is written
    const after = page.controls.stored();
    this.sharing.own = { before, after };
    if (JSON.stringify(before) !== JSON.stringify(after)) setText(find(page.root, "#message"), t("link.settings"));
  }

  /** Returns a link and its models, and begins a new conversation for it. @param {string} query @throws {LinkError} with all faults of the link */
  async #read(query) {
    const { page } = this;
    const faults = /** @type {Message[]} */ ([]);
    let link = /** @type {?Link} */ (null);
    try {
      link = readLink(query, faults);
    } finally {
      if ((!link || link.writes) && lastTurn(page.log())) page.clear(); // before the settings change, which it stores
    }
    const models = (link.writes && collectFault(faults, () => modelsOfLink(link, page.site()))) || [];
    if (models.length === 1) collectFault(faults, () => checkClamps(link, models[0]));
    if (!faults.length) return { link, models };
    if (faults[0].id === "refusal.loading") throw faultyLink(faults);
    await this.#offer(link.steps[0].prompt);
    throw faultyLink(Object.keys(link.controls).length ? [...faults, { id: "link.no_setting" }] : faults);
  }

  /** Puts the prompt of a link that cannot be followed into the empty field, unless it has a blocked word. @param {string} prompt */
  async #offer(prompt) {
    const { page } = this;
    const model = page.source.about();
    if (!model || !prompt) return;
    const isAllowed = await page.engine.check?.({ ...refsOf(authorOf(model)), texts: [prompt] }).then(
      () => true,
      () => false,
    );
    if (isAllowed !== false) page.prompt.value ||= prompt;
  }

  /**
   * Writes the text of a link step by step, and shows whether it is the shared one.
   * @param {Link} link
   */
  async follow(link) {
    const { page } = this;
    const models = modelsOfLink(link, page.site());
    const author = authorOf(models[0], models[1]);
    const last = link.steps.findLastIndex((step) => step.prompt !== null);
    page.follow({ ...link.controls, ...link.steps.at(-1).settings, length: lengthOf(link.steps.slice(last)) }, models);
    this.sharing.following = link;
    for (const [at, step] of link.steps.entries()) {
      page.log().held = { model: models[0].name, cells: step.cells };
      const options = { settings: step.settings, seed_given: true, speed: at < last ? null : page.speed(), author };
      if (step.prompt !== null) await page.writer.send(step.prompt, options, { shared: true });
      else await page.writer.continueReply(options, { newSeed: step.new_seed });
      if (this.sharing.following !== link) return;
      const turn = lastTurn(page.log());
      if (!turn) return;
      turn.shared = true;
      const part = lastPart(turn.reply);
      const failed = unfinished(part) || (step.pick && !pick(part, step.pick, author) ? "check.unknown_pick" : "");
      if (failed) return this.#end([{ id: failed }]);
    }
    await this.#check(link, models);
  }

  /**
   * @param {Link} link
   * @param {Model[]} models
   */
  async #check(link, models) {
    const rounding = versionOf(models) === "float32" ? [{ id: "check.rounding" }] : [];
    const isTyped = !("seed" in link.controls); // Share always writes a seed; without one there is no earlier text to compare with
    if (!link.text)
      return this.#end(link.damaged ? [{ id: "check.damaged" }] : isTyped ? [] : [{ id: "check.no_hash" }]);
    const found = await hashOf(this.page.log());
    if (!found) return this.#end([{ id: "check.no_https" }]);
    if (found === link.text) return this.#end([{ id: "check.same" }, ...rounding]);
    const reasons = differences(link, models);
    if (!reasons.length)
      reasons.push({ id: models.every((model) => model.commit) ? "difference.changed" : "difference.folder" });
    this.#end([{ id: "check.different", values: { reasons } }, ...rounding]);
  }

  /** @param {Message[]} check */
  #end(check) {
    this.sharing.following = null;
    const turn = lastTurn(this.page.log());
    if (turn) turn.check = check;
    this.page.changed();
  }
}

/** Returns the length of a reply that was written in several steps. @param {Step[]} steps */
function lengthOf(steps) {
  const length = steps.reduce((sum, { settings }) => sum + settings.length, 0);
  return Math.min(length, SETTINGS.length.maximum);
}

/**
 * Why the link's text cannot continue after a part; "" if it can.
 * @param {ReturnType<typeof lastPart>} part
 */
function unfinished(part) {
  if (part?.end === "length" || part?.end === "stop") return "";
  return part?.end === "blocked" ? "check.blocked" : "check.unfinished";
}

/**
 * Puts the sender's character in the place of the last one that was written.
 * @param {ReturnType<typeof lastPart>} part
 * @param {string} character
 * @param {Author} author
 * @returns {boolean} whether it could
 */
function pick(part, character, author) {
  if (part?.end !== "length" || !author.vocab.has(character)) return false;
  part.text = [...part.text].slice(0, -1).join("") + character;
  part.picked = true;
  return true;
}
