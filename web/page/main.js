// The page of both sites: connects the controls, the conversation, the lenses and the text engine.

import { LinkError } from "../conversation/link_error.js";
import { emptyLog, lastPart, lastTurn, pathTo, typedPrompt } from "../conversation/log.js";
import { authorNow, findModel } from "../conversation/models.js";
import { onNewLine } from "../conversation/replies.js";
import { Storage } from "../conversation/stored_conversations.js";
import { Writer } from "../conversation/writer.js";
import { Refusal } from "../engines/refusal.js";
import { Demonstrations } from "../demonstrations/demonstrations.js";
import { Lenses, loadPanels } from "../lenses/lens.js";
import { Actions } from "./actions.js";
import { Arrival } from "./arrival.js";
import { Controls, NO_SITE } from "./controls.js";
import { ConversationView } from "./conversation_view.js";
import { find, hasTouch, setText } from "../document/dom.js";
import { showClampedCells } from "./clamped_cells.js";
import { History } from "./earlier_conversations.js";
import { nameOf, showExamples, showIntro, titleOf, watchProgress } from "./intro.js";
import { refusalOf } from "./refusals.js";
import { Sharing } from "../sharing/sharing.js";
import { watchSite } from "./site_watch.js";
import { Source } from "./source.js";
import { SAMPLING } from "../settings.js";
import { onLanguage, t, translate } from "../document/words.js";

const LATER_MS = 500; // after the page can be used
const SAVE_MS = 400; // between two saves while a reply is being written
const IN_REPLY = [...Object.keys(SAMPLING), "share"]; // settings that change a reply while it is written
/** @import { Log } from "../conversation/log.js" @import { Message, Model, Site, TextEngine } from "../engines/engine.js" */

export class Page {
  log = () => this.current.log;
  site = () => this.current.site;
  speed = () => this.controls.speed;
  onModel = () => {}; // called when another model is chosen, or the models have changed
  /**
   * @param {HTMLElement} root  holds the markup of index.html
   * @param {TextEngine} engine
   * @param {string} intro  the id of the line under the title, where the owner has set none
   */
  constructor(root, engine, intro) {
    this.root = root;
    this.engine = engine;
    this.intro = intro;
    /** @type {{log: Log, site: Site, refusal: Message | null, status: Message[]}} */
    this.current = { log: emptyLog(), site: NO_SITE, refusal: null, status: [] };
    this.pendingLink = false; // whether the address is a link to a model that still loads
    this.started = false; // whether the conversation of this tab is shown
    [this.scheduled, this.saveTimer] = [false, 0];
    this.storage = new Storage();
    this.pane = find(root, ".pane");
    this.controls = new Controls(root, {
      changed: (name) => this.#settingChanged(name),
      modelChanged: () => this.#modelChanged(),
      add: engine.add && ((name) => this.addModel(name)),
    });
    this.writer = new Writer(engine, this.#writerPage());
    this.view = new ConversationView(this.pane, {
      log: () => this.log(),
      status: () => this.current.status,
      lens: () => this.lenses,
      author: (reply) => authorNow(reply, (name) => findModel(this.site(), name)),
    });
    this.source = new Source(this);
    this.lenses = new Lenses({ pane: this.pane, engine, source: this.source, onChange: () => this.changed() });
    this.arrival = new Arrival(this);
    this.sharing = new Sharing(root, this);
    this.history = new History(find(root, "#history", HTMLDetailsElement), this.storage, {
      id: () => this.log().id,
      open: (id) => this.open(id),
      removed: (id) => this.actions.forget(id),
    });
    this.prompt = find(root, "#prompt", HTMLTextAreaElement);
    this.actions = new Actions(this);
    this.demonstrations = new Demonstrations(this);
    this.prompt.addEventListener("input", () => this.#scheduleSave());
    addEventListener("pagehide", () => this.save());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.save());
  }

  /** @returns {ConstructorParameters<typeof Writer>[1]} */
  #writerPage() {
    return {
      log: this.log,
      changed: () => this.changed(),
      status: (messages) => ((this.current.status = messages), this.changed()),
      model: (name) => findModel(this.current.site, name),
    };
  }

  get busy() {
    return this.writer.busy || Boolean(this.sharing.following);
  }

  /** Loads the models, then the last conversation of this tab or the link in the address. Returns the page once the models are known. */
  async start() {
    const progress = watchProgress(this.engine, this.root);
    translate(this.root);
    this.controls.translate();
    await watchSite(this.engine, this.root, (site) => this.#receiveSite(site));
    progress.siteIsKnown();
    this.openLog(this.storage.current());
    onLanguage(() => this.#changeLanguage());
    await this.#openLink();
    this.started = true;
    // A frame leaves the focus to the page around it, and a phone would show its keyboard.
    const isFocusElsewhere = parent !== window || hasTouch() || this.root.contains(document.activeElement);
    if (!isFocusElsewhere) this.prompt.focus({ preventScroll: true });
    this.#modelChanged();
    this.#resume();
    // The modules that the first screen does not need are imported soon, so that a click need not wait and works without a network.
    setTimeout(
      () =>
        [
          loadPanels,
          () => import("../lenses/text/move_announcer.js"),
          () => this.sharing.load(),
          () => this.demonstrations.load(),
        ].forEach((load) => load().catch(() => {})),
      LATER_MS,
    );
    return this;
  }

  /** @param {Site} site */
  #receiveSite(site) {
    const changed = this.current.site === NO_SITE || site.version !== this.current.site.version;
    this.current.site = site;
    if (changed) this.#showSite();
  }

  /** Loads another model. @param {string} name */
  async addModel(name) {
    const model = await this.engine.add?.(name);
    if (!model?.failure) this.#receiveSite(await this.engine.site());
    return model;
  }

  #showSite() {
    this.controls.offer(this.site());
    if (this.pendingLink && !this.site().models.some((model) => model.loading)) this.#openLink();
    this.#modelChanged();
  }

  #changeLanguage() {
    translate(this.root);
    this.controls.translate();
    this.demonstrations.translate();
    this.view.redraw();
    this.lenses.choose(this.lenses.chosen);
    this.#showSite();
  }

  /** Shows a conversation with its settings. @param {Log} log */
  openLog(log) {
    this.current.log = log;
    this.current.refusal = this.#endSideBySide(log);
    this.sharing.own = null;
    this.lenses.focus.clear();
    this.controls.restore(log.controls);
    this.controls.openChanged();
    if (log.controls.draft && !this.prompt.value) this.prompt.value = log.controls.draft;
    this.sharing.hide();
    this.#modelChanged();
  }

  // Older pages showed a second model side by side, and stored the choice as "beside NAME". Returns the message about it.
  /** @param {Log} log @returns {?Message} */
  #endSideBySide({ controls }) {
    const name = /^beside (.*)$/s.exec(controls.second ?? "")?.[1];
    if (name === undefined) return null;
    controls.second = "";
    return { id: "notice.side_by_side", values: { name: nameOf(name) || titleOf(this.site()) } };
  }

  /** Shows an earlier conversation; the current one stays in the list. @param {string} id */
  open(id) {
    const log = this.busy ? null : this.storage.load(id);
    if (!log) return;
    this.save();
    if (log.controls.draft) this.prompt.value = ""; // what is typed now stays with the conversation that is left
    this.openLog(log);
    this.storage.save(log);
    this.actions.focusPrompt(); // the list no longer has the button that was pressed
    this.pane.scrollIntoView({ block: "nearest" });
    this.#resume();
  }

  // Continues the reply that was being written when the conversation was left; a refused prompt goes back to the field.
  async #resume() {
    const turn = lastTurn(this.log());
    if (!turn || this.busy) return; // busy: a link is followed
    const { refusal } = this.current; // of a link, or of `openLog`; it would be cleared
    const resumed = this.run(() => this.writer.resume(this.speed()));
    this.current.refusal ??= refusal;
    if (!(await resumed) && !pathTo(this.log()).some((each) => each.prompt === turn.prompt))
      this.prompt.value ||= typedPrompt(turn);
  }

  // Shows the settings of a link, and writes its text in a new conversation.
  async #openLink() {
    const isReload = lastTurn(this.log()) && this.log().address === location.search;
    if (!location.search || isReload) return;
    try {
      this.pendingLink = false;
      await this.sharing.open(location.search);
    } catch (error) {
      this.arrival.finish(); // the visitor is to read the message
      this.pendingLink = error instanceof LinkError && error.reason.id === "refusal.loading";
      this.#refuse(error);
    }
    this.changed();
  }

  /** Called by Share when it begins to write a link's text. @param {Record<string, any>} settings @param {Model[]} models */
  follow(settings, models) {
    if (lastTurn(this.log())) this.clear();
    this.controls.choose(models[0].name, models[1]?.name ?? null);
    this.controls.restore(settings);
    this.controls.choose(models[0].name, models[1]?.name ?? null);
    this.#modelChanged();
  }

  /** Runs a move of the visitor and shows why it was refused. @param {() => unknown} move @returns {Promise<boolean>} whether it was carried out */
  async run(move) {
    this.current.refusal = null;
    setText(find(this.root, "#message"), "");
    this.sharing.hide();
    this.demonstrations.close();
    this.log().address ??= location.search;
    try {
      const done = move();
      this.save();
      await done;
      return true;
    } catch (error) {
      this.#refuse(error);
      return false;
    } finally {
      this.changed();
      this.save();
    }
  }

  /** @param {unknown} error */
  #refuse(error) {
    this.sharing.cancel();
    this.current.refusal = refusalOf(error);
    if (error instanceof Refusal && error.gone)
      this.engine.site().then(
        (site) => this.#receiveSite(site),
        () => {},
      );
  }

  /** Sends a prompt; the field is emptied once the request is accepted. @param {string} prompt */
  async send(prompt) {
    if (this.busy) return;
    const before = this.prompt.value;
    if (prompt === before) this.prompt.value = "";
    const sent = await this.run(() => this.#write("send", prompt));
    const refused = this.current.refusal && prompt === before;
    if (!sent && refused && !this.prompt.value && !pathTo(this.log()).some((turn) => typedPrompt(turn) === prompt))
      this.prompt.value = prompt;
  }

  /** @param {"send" | "step"} move @param {string} prompt */
  #write(move, prompt) {
    const options = this.controls.options();
    if (move === "send" || prompt) this.storage.unsaved.delete(this.log());
    return this.writer[move](
      move === "send" || prompt ? onNewLine(this.log(), prompt, options.author) : prompt,
      options,
    );
  }

  stop() {
    this.sharing.cancel();
    const turn = lastTurn(this.log());
    this.writer.stop();
    if (turn?.shared && !turn.check.length && lastPart(turn.reply)?.end === null)
      turn.check = [{ id: "check.unfinished" }];
  }

  /** Begins an empty conversation; the current one is in the list of earlier ones, if it could be stored. @returns {boolean} whether it could */
  clear() {
    if (this.busy) return false;
    this.demonstrations.close();
    const isStored = this.save();
    this.storage.leave();
    this.controls.restore(this.sharing.leave());
    this.current.log = { ...emptyLog(), controls: { ...this.controls.stored(), draft: "" } };
    this.current.refusal = null;
    this.sharing.hide();
    this.#modelChanged();
    return isStored;
  }

  /** @param {number} id of a turn; 0 for the welcome text @param {number} keep how many characters of its reply stay @param {{pick?: string, newSeed?: boolean}} change */
  continueFrom(id, keep, change) {
    this.storage.unsaved.delete(this.log());
    return this.run(() => this.writer.continueFrom(id || this.arrival.begin(), keep, this.controls.options(), change));
  }

  /** Writes one character, after what is typed if there is something. */
  step() {
    const prompt = this.prompt.value;
    if (prompt) this.prompt.value = "";
    return this.run(() => this.#write("step", prompt));
  }

  /** @param {string} name */
  #settingChanged(name) {
    const setting = this.sharing.following ? undefined : IN_REPLY.find((each) => each === name);
    try {
      if (name === "speed") this.writer.change({ speed: this.controls.speed });
      else if (setting && this.writer.busy)
        this.writer.change({ settings: { [setting]: this.controls.settings()[setting] } });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // the next request for a reply shows it
    }
    this.#scheduleSave();
    this.lenses.update();
  }

  #modelChanged() {
    this.demonstrations.close();
    this.controls.describe();
    showIntro(this.root, this.site(), this.intro, this.controls.modelName, this.controls.blendName);
    const model = this.source.about();
    showExamples(find(this.root, "#examples"), model?.examples || [], (example) => this.send(example));
    this.onModel();
    this.changed();
  }

  /** Shows the conversation anew before the next frame. */
  changed() {
    if (!this.scheduled) {
      const draw = () => {
        this.scheduled = false;
        this.#draw();
      };
      this.scheduled = true;
      if (document.visibilityState === "hidden") setTimeout(draw, 50);
      else requestAnimationFrame(draw);
    }
    this.#scheduleSave();
  }

  #draw() {
    this.view.update({ model: this.source.about(), refusal: this.current.refusal, isKnown: this.started });
    showClampedCells(
      find(this.root, ".held-cells"),
      this.source.clampedCells() ?? [],
      (cells) => this.source.clamp(cells),
      this.prompt,
    );
    this.actions.update();
    this.demonstrations.update();
    this.lenses.update();
    this.arrival.update();
  }

  #scheduleSave() {
    this.saveTimer ||= setTimeout(() => this.save(), SAVE_MS);
  }

  /** Stores the conversation, the settings and the prompt that was not sent. @returns {boolean} whether it could */
  save() {
    clearTimeout(this.saveTimer);
    this.saveTimer = 0;
    const log = this.log();
    log.controls = { ...this.controls.stored(), draft: this.prompt.value };
    const isStored = this.storage.save(log);
    if (!isStored) setText(find(this.root, "#message"), t("notice.storage_refused"));
    if (!this.busy) this.history.update();
    return isStored;
  }
}
