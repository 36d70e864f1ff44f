// The panel "Train on your text": its fields and buttons. web/learn/run.js trains.

import { refOf } from "../../conversation/models.js";
import { find, findAll, hasTouch, setText } from "../../document/dom.js";
import { number, render, t, translate } from "../../document/words.js";
import { Refusal, shownName } from "../../engines/refusal.js";
import { randomSeed } from "../../settings.js";
import { hasSimd } from "../learner.js";
import { deleteRun, loadModel, loadPart } from "../stored_training.js";
import { goBack, messageNow, showInUse, showModels } from "./in_use.js";
import { ScreenLock, lockTraining } from "./locks.js";
import { MARKUP } from "./markup.js";
import { mark } from "./mark.js";
import { Progress } from "./progress.js";
import { TextField, called } from "./text_field.js";
import { download, openModel } from "./trained.js";

/**
 * @import { Message } from "../../engines/engine.js"
 * @import { Started } from "../run.js"
 * @import { NamedText } from "./text_field.js"
 */

export class Panel {
  #worker = /** @type {Worker | null} */ (null);
  #text = /** @type {NamedText | null} */ (null);
  #run = /** @type {Started | null} */ (null); // the training that is shown
  #isPaused = false;
  #model = ""; // the name of the model that was trained last
  #release = () => {}; // lets another tab train
  #screenLock = new ScreenLock();
  #message = /** @type {Message | null} */ (null);
  #form = /** @type {Promise<import("./publish_form.js").PublishForm> | null} */ (null);

  /**
   * @param {HTMLElement} box gets the panel's markup
   * @param {import("../../page/main.js").Page} page
   * @param {{home: string, hub: string}} place the folder of the page, and the Hub
   */
  constructor(box, page, place) {
    this.box = box;
    this.page = page;
    this.place = place;
    box.innerHTML = MARKUP;
    translate(box);
    this.field = new TextField(this.#part(".choose"), (text, refusal) => this.#receiveText(text, refusal));
    this.progress = new Progress(this.#part(".running"));
    this.minutes = find(box, ".minutes input", HTMLInputElement);
    this.minutes.addEventListener("input", () => this.#showOptions());
    const buttons = {
      start: () => this.#begin(),
      continue: () => this.#train({ resume: true }),
      discard: () => this.#discard(),
      pause: () => this.#pause(!this.#isPaused),
      stop: () => this.#worker?.postMessage({ wanted: "stop" }),
      write: () => (this.#showModel(), page.send(page.prompt.value)),
      "train-on": () => this.#trainOn(),
      "get-model": () => download(this.#model),
      "give-away": () => this.#publish(this.#model),
      "back-to-first": () => (goBack(page), this.#showModel()),
    };
    for (const [name, act] of Object.entries(buttons)) find(box, `button.${name}`).addEventListener("click", act);
    for (const [button, field] of Object.entries({ ".open-model": ".model-file", ".open-folder": ".model-folder" })) {
      const chosen = find(box, field, HTMLInputElement);
      find(box, button).addEventListener("click", () => chosen.click());
      chosen.addEventListener("change", () => this.#open(chosen));
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden" && this.#run) this.#worker?.postMessage({ wanted: "save" });
    });
    page.onModel = () => this.#showInUse();
  }

  /**
   * Shows a training that can be continued, and the trained models.
   * @param {boolean} isBack whether the visitor returns from signing in on the Hub
   * @param {boolean} isWanted whether the page's address opens the panel
   */
  async open(isBack, isWanted) {
    const lacks = hasSimd() ? (globalThis.crypto?.subtle ? null : "train.no_https") : "train.no_simd";
    this.#part(".choose").hidden = Boolean(lacks);
    if (lacks) return this.#fault({ id: lacks });
    await Promise.all([this.#showKept(), this.#showTrained()]);
    this.#translate();
    if (isBack) return (await this.#publishing()).resume(loadModel);
    const { prompt } = this.page;
    const isFree = !visible(document.activeElement) || (document.activeElement === prompt && !prompt.value);
    if (isWanted && isFree)
      this.#part(this.#part(".kept").hidden ? "textarea" : ".continue").focus({ preventScroll: true });
  }

  #part(selector) {
    return find(this.box, selector);
  }

  async #showKept() {
    const summary = this.#run ? null : await loadPart("summary").catch(() => null);
    const kept = this.#part(".kept");
    kept.hidden = !summary;
    mark(Boolean(summary || this.#run));
    if (summary) setText(find(kept, "p"), t("train.kept", { ...summary, name: called(summary.name) }));
  }

  #publishing() {
    this.#form ??= import("./publish_form.js").then(
      ({ PublishForm }) => new PublishForm(this.#part(".publishing"), this.place, this.page),
    );
    return this.#form;
  }

  #showTrained() {
    return showModels(
      this.box,
      this.page,
      this.#model,
      (name) => this.#useStored(name),
      (name) => this.#publish(name),
    );
  }

  // Shows which model the page writes with now. What was said of another one is replaced.
  #showInUse() {
    showInUse(this.box, this.page, this.#model);
    this.#showOptions();
    this.#report(this.#message);
  }

  async #publish(name) {
    (await this.#publishing()).open(await loadModel(name));
  }

  // Makes a stored model that of the page, and reports that or why it cannot be used.
  async #useStored(name) {
    const failure = await this.#use(name);
    this.#fault(failure);
    this.#report(failure ? null : { id: "train.used", values: { name } });
  }

  // Makes a local model that of the page. Returns why it cannot be used, or null.
  async #use(name) {
    const { failure } = await this.page.addModel(name);
    if (!failure) this.page.controls.use(name);
    return failure;
  }

  // Opens a model from a .zip or the files of a folder, and makes it that of the page.
  async #open(input) {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (!files.length) return;
    try {
      await this.#useStored(await openModel(files));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#fault(error.reason);
    }
    await this.#showTrained();
  }

  #receiveText(text, refusal) {
    this.#text = text;
    this.#fault(refusal);
    this.#report(null);
    this.#showOptions();
  }

  #showOptions() {
    find(this.box, ".start", HTMLButtonElement).disabled = !this.#text;
    this.#part(".phone").hidden = !hasTouch() || !this.#text; // a phone locks its screen and freezes background tabs
    const minutes = Number(this.minutes.value);
    setText(this.#part(".minutes output"), number(minutes));
    this.minutes.ariaValueText = t("train.minutes_value", { minutes });
    const parent = this.page.source.about();
    this.#part(".from").hidden = !parent;
    setText(
      this.#part(".parent"),
      t("train.fine_tune", { name: shownName(parent?.name ?? "") || t("train.this_model") }),
    );
    if (!parent) find(this.box, '[value="scratch"]', HTMLInputElement).checked = true;
    this.parent = parent && refOf(parent);
    setText(this.#part(".phone"), t(ScreenLock.isPossible ? "train.phone_awake" : "train.phone"));
  }

  #begin() {
    if (!this.#part(".kept").hidden && !confirm(t("train.replace_sure"))) return;
    const { text, name, chat, private: privateThings } = this.#text;
    const format = chat && { prefix: chat.prefix, suffix: chat.suffix, stop: chat.stop };
    const scratch = find(this.box, '[value="scratch"]', HTMLInputElement).checked;
    const { workers, speed, seed } = this.box.dataset; // set by tests: small runs, each the same
    return this.#train({
      begin: {
        ...{ text, name, privateThings, chat: format, ...this.place },
        ...{ minutes: Number(this.minutes.value), parent: scratch ? null : this.parent },
        seed: seed ? Number(seed) : randomSeed(),
        ...(workers ? { workers: Number(workers) } : {}),
        ...(speed ? { speed: Number(speed) } : {}),
      },
    });
  }

  // Starts or continues a training, unless another tab trains.
  async #train(message) {
    const release = await lockTraining();
    if (!release) return this.#fault({ id: "train.other_tab" });
    [this.#release, this.#model] = [release, ""];
    this.#fault(null);
    this.#report({ id: "train.starts" });
    this.#show("running");
    if (!this.#worker) {
      this.#worker = new Worker(new URL("../run.js", import.meta.url), { type: "module" });
      this.#worker.onmessage = ({ data }) => this.#receive(data);
      this.#worker.onerror = (event) => {
        this.#worker?.terminate();
        this.#worker = null;
        this.#receive({ fault: event.message || "Worker" });
      };
    }
    this.#worker.postMessage(message);
    this.#screenLock.start();
  }

  #receive(data) {
    if (data.step !== undefined && data.loss !== undefined) this.progress.step(data);
    else if (data.started) this.#showStarted(data.started);
    else if (data.curve) this.progress.draw(data.curve);
    else if (data.sample) this.progress.sample(data.sample);
    else if (data.phase) this.#report({ id: `train.${data.phase}` });
    else if (data.saved !== undefined) mark(true);
    else if (data.notSaved) this.#fault({ id: "train.not_kept", values: { reason: data.notSaved } });
    else if (data.ended) this.#showEnd(data.ended);
    else if (data.refusal || data.fault)
      this.#stopped(data.refusal ?? { id: "train.fault", values: { reason: data.fault } });
  }

  #showStarted(run) {
    this.#run = run;
    this.#allow(true);
    this.#pause(false);
    this.#report({ id: "train.running", values: { name: called(run.about.name), parameters: run.parameters } });
    this.progress.start(run);
  }

  #pause(isPaused) {
    this.#isPaused = isPaused;
    this.#worker?.postMessage({ wanted: isPaused ? "pause" : "run" });
    setText(this.#part(".pause"), t(isPaused ? "train.resume" : "train.pause"));
    this.progress.resetSpeed();
    if (isPaused) this.#screenLock.stop();
    else this.#screenLock.start();
    this.#report(this.#run && { id: isPaused ? "train.paused" : "train.runs_on" });
  }

  async #showEnd({ reason, step, best, model, files, notice }) {
    if (!model) this.#stopped({ id: "train.nothing_learned", values: { step } });
    else {
      if (files) await this.page.engine.give(model.name, files);
      const failure = await this.#use(model.name);
      const hadFocus = !visible(document.activeElement) || this.box.contains(document.activeElement);
      this.#stopped(failure ?? (notice && { id: "train.not_stored", values: { reason: notice } }));
      const ended = { id: `train.ended_${reason}`, values: { step } };
      if (!failure) {
        this.#report({ id: "train.done", values: { ended, best, name: model.name } });
        this.#offer(model.name, !files);
        if (hadFocus) this.#showModel(); // else the visitor is busy elsewhere on the page
      }
    }
    mark(false);
    await this.#showTrained();
  }

  // Shows the buttons for the model that was trained.
  #offer(name, isStored) {
    this.#model = name;
    [this.#part(".next").hidden, this.#part(".what").hidden] = [false, true];
    this.#part(".train-on").hidden = !this.#text;
    for (const each of [".get-model", ".give-away"]) this.#part(each).hidden = !isStored;
    this.field.nameStart("train.start_new");
  }

  // Scrolls to the page's text, where the visitor goes on.
  #showModel() {
    this.page.pane.scrollIntoView({ block: "start" });
    this.page.actions.focusPrompt();
  }

  // Trains the new model further on the text; the next training starts from a new network again.
  #trainOn() {
    const [scratch, parent] = findAll(this.box, '[name="train-from"]', HTMLInputElement);
    this.page.controls.use(this.#model);
    this.#showOptions();
    parent.checked = true;
    const training = this.#begin();
    scratch.checked = true;
    return training;
  }

  // Shows that a training has ended; if it is stored, it can be continued.
  async #stopped(fault) {
    this.#part(".running").hidden = !this.#run;
    this.#run = null;
    this.#screenLock.stop();
    this.#release();
    this.#report(null);
    this.progress.end();
    this.#show("choose");
    this.#showOptions();
    if (fault) this.#fault(fault);
    await this.#showKept();
  }

  async #discard() {
    await deleteRun();
    this.#worker?.terminate(); // it may have the run in memory, after a fault
    this.#worker = null;
    this.#part(".kept").hidden = true;
    mark(false);
    this.#part("textarea").focus();
  }

  // Shows the fields ("choose"), or the progress of a training ("running"). A button that is hidden passes its focus on.
  #show(part) {
    const hadFocus = this.box.contains(document.activeElement);
    this.#part(".kept").hidden = true;
    for (const each of [".choose", ".what"]) this.#part(each).hidden = part !== "choose";
    this.#part(".running .controls").hidden = part === "choose";
    this.#part(".next").hidden = true;
    this.#allow(false);
    if (part === "running") {
      this.#part(".running").hidden = false;
      this.progress.clear();
      this.box.parentElement.scrollIntoView({ block: "start" });
    }
    if (hadFocus && part === "choose" && !visible(document.activeElement))
      this.#part("textarea").focus({ preventScroll: true });
  }

  // Enables or disables Pause and Stop. The button that started the training passes its focus on.
  #allow(isTraining) {
    for (const button of findAll(this.box, ".controls button", HTMLButtonElement)) button.disabled = !isTraining;
    if (isTraining && !visible(document.activeElement)) this.#part(".pause").focus({ preventScroll: true });
  }

  #report(message) {
    this.#message = message;
    setText(this.#part(".said"), render(messageNow(message, this.page)));
  }

  #fault(message) {
    setText(this.#part(".fault"), render(message));
  }

  #translate() {
    this.field.translate();
    this.#showOptions();
    setText(this.#part(".said"), render(this.#message));
    setText(this.#part(".pause"), t(this.#isPaused ? "train.resume" : "train.pause"));
    if (!this.#part(".trained").hidden) this.#showTrained();
  }
}

function visible(element) {
  return element !== document.body && element?.checkVisibility() ? element : null;
}
