// Buttons and keys: which move each of them makes, and which can be pressed now.

import { lastTurn, redo, showVersion, undo, versionsShown, wholeText } from "../conversation/log.js";
import { followsText } from "../conversation/replies.js";
import { copyText, find, findAll, hasTouch, isOutdated, keepAtEnd, setText } from "../document/dom.js";
import { findModel } from "../conversation/models.js";
import { nameOf } from "./intro.js";
import { t } from "../document/words.js";

const WHILE_BUSY = new Set(["stop", "copy"]);

export class Actions {
  /** @param {import("./main.js").Page} page */
  constructor(page) {
    this.page = page;
    /** @type {?HTMLButtonElement} */
    [this.began, this.wasBusy] = [null, false];
    this.sendsLater = "sends" in page.prompt.dataset; // Enter was pressed before the page could send, or before this module (document/first_paint.js)
    page.prompt.onkeydown = null;
    this.isStopping = false; // a reply is being written that the visitor has stopped
    this.cleared = /** @type {import("../conversation/log.js").Log | null} */ (null); // for Undo, also where the browser stores nothing
    const { writer, controls } = page;
    const moves = {
      send: () => page.send(page.prompt.value),
      stop: () => this.#stop(),
      continue: () => (
        page.storage.unsaved.delete(page.log()),
        page.run(() => writer.continueReply(controls.options()))
      ),
      retry: () => page.run(() => writer.retry(controls.options())),
      undo: () => page.run(() => this.#undo()),
      redo: () => page.run(() => redo(page.log())),
      clear: () => this.#clear(),
      share: () => page.run(() => page.sharing.share()),
      copy: () => this.#copy(),
    };
    // A second click may come before the next frame, which disables the button.
    const idle = (/** @type {() => unknown} */ move) => () => page.busy || move();
    for (const [name, move] of Object.entries(moves))
      this.#button(name).addEventListener("click", WHILE_BUSY.has(name) ? move : idle(move));
    for (const [way, by] of /** @type {const} */ ([
      ["previous", -1],
      ["next", 1],
    ]))
      find(page.root, `.branches .${way}`).addEventListener(
        "click",
        idle(() => this.#showVersion(by)),
      );
    find(page.root, ".held-cells .rewrite").addEventListener(
      "click",
      idle(() => page.run(() => writer.rewrite(controls.options()))),
    );
    page.prompt.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return; // 229: Safari while composing
      event.preventDefault();
      const isWriting = page.busy && !this.isStopping;
      // The button is enabled one frame after a reply has ended.
      this.sendsLater = !isWriting && (page.busy || !page.started || this.#button("send").disabled);
      if (isWriting) setText(find(page.root, "#message"), t("move.still_writing"));
      else if (!this.sendsLater) moves.send();
    });
    for (const name of ["input", "click"]) page.prompt.addEventListener(name, () => this.#reveal());
    new ResizeObserver(() => this.#makeRoom()).observe(page.prompt);
    document.addEventListener("keydown", (event) => event.key === "Escape" && page.busy && moves.stop());
  }

  #stop() {
    this.isStopping = this.page.busy;
    this.page.stop();
    this.#endMessage();
  }

  // Removes the line below the prompt that no longer holds.
  #endMessage() {
    const message = find(this.page.root, "#message");
    if (message.textContent === t("move.still_writing")) setText(message, "");
  }

  /** @param {string} name */
  #button(name) {
    return find(this.page.root, `[data-move="${name}"]`, HTMLButtonElement);
  }

  /** Enables what can be pressed now. A button that had the focus gives it to another instead of losing it. */
  update() {
    const { page } = this;
    const log = page.log();
    const [busy, hasTurns] = [page.busy, Boolean(lastTurn(log))];
    const free = !busy && page.source.about() !== null;
    const able = {
      send: !busy && page.started, // while the model loads, a refusal says so
      stop: busy,
      continue: hasTurns && free,
      retry: hasTurns && free,
      undo: (hasTurns || this.#canRestore) && !busy,
      redo: log.undone.length > 0 && !busy,
      clear: hasTurns && !busy,
      share: hasTurns && !busy,
      copy: hasTurns,
    };
    const isHidden = page.demonstrations.isShown; // the conversation, by a demonstration: only a new prompt can be sent
    const focused = document.activeElement;
    for (const [name, on] of Object.entries(able))
      this.#button(name).disabled = !on || (isHidden && name !== "send" && name !== "stop");
    for (const button of findAll(page.root, "#examples button, .branches button", HTMLButtonElement))
      button.disabled = !free;
    for (const button of findAll(page.root, ":is(.held-cells, .hold) .rewrite", HTMLButtonElement))
      button.disabled = !(hasTurns && free);
    this.#nameAuthor(lastTurn(log)?.reply.model.name);
    this.#keepFocus(focused, busy);
    this.#placeExamples(hasTurns || log.undone.length > 0 || this.#canRestore);
    this.#drawVersions(log);
    this.#invite(log);
    if (busy && !this.wasBusy) this.#uncover();
    if (!busy && this.wasBusy) this.#endMessage();
    this.wasBusy = busy;
    if (!busy) this.isStopping = false;
    if (this.sendsLater && able.send) {
      this.sendsLater = false;
      page.send(page.prompt.value);
    }
  }

  /** Puts the focus into the prompt; with touch on Send, because the keyboard of a phone would cover the text. */
  focusPrompt() {
    (hasTouch() ? this.#button("send") : this.page.prompt).focus({ preventScroll: true });
  }

  /**
   * While a reply is being written Stop has the focus of the button that began it, which gets it back at the end. The prompt
   * gets the focus of a button that can no longer be pressed.
   * @param {?Element} focused
   * @param {boolean} busy
   */
  #keepFocus(focused, busy) {
    const stop = this.#button("stop");
    const isLost =
      focused instanceof HTMLButtonElement &&
      focused.disabled &&
      focused.closest("#moves, #ask, #examples, .held-cells, .hold") !== null;
    if (busy && isLost && focused !== stop) {
      this.began = focused;
      stop.focus({ preventScroll: true });
    } else if (!busy && this.began && (document.activeElement === document.body || document.activeElement === stop)) {
      const isRestored =
        !this.began.disabled &&
        this.began.checkVisibility() &&
        !this.began.matches('[data-move="send"], #examples button');
      if (isRestored) this.began.focus({ preventScroll: true });
      else this.focusPrompt();
    } else if (!busy && isLost) this.focusPrompt();
    if (!busy) this.began = null;
  }

  // In a low window the prompt lies over the end of the text, where the next characters appear, or the text is above the window.
  #uncover() {
    const { pane, root } = this.page;
    const text = find(pane, ".log").getBoundingClientRect();
    const ask = find(root, "#ask").getBoundingClientRect();
    const [covered, hidden] = [text.bottom - ask.top, -text.top];
    const below = (visualViewport?.height ?? innerHeight) - ask.bottom;
    if (covered > 0) scrollBy({ top: covered });
    else if (hidden > 0 && below > 0) scrollBy({ top: -Math.min(hidden, below) });
  }

  // In a window that is too low for a prompt that stays, as at 400 % of zoom, the prompt may be cut off where it is typed.
  #reveal() {
    const { bottom } = find(this.page.root, "#ask").getBoundingClientRect();
    const covered = Math.ceil(bottom + 4 - innerHeight); // with the outline of the focus
    if (covered > 4) scrollBy({ top: covered });
  }

  // A prompt of several lines takes its height from the text above, so that no button moves or is covered.
  #makeRoom() {
    const { pane, prompt, root } = this.page;
    keepAtEnd(find(pane, ".log"), () =>
      find(root, ".char-lstm").style.setProperty("--prompt", `${prompt.offsetHeight}px`),
    );
  }

  // Before the first reply the example prompts are where the actions are going to be, of which none can be pressed yet.
  /** @param {boolean} hasConversation */
  #placeExamples(hasConversation) {
    const { root } = this.page;
    const [examples, moves] = [find(root, "#examples"), find(root, "#moves")];
    const areAbove = !hasConversation && !examples.hidden;
    if (moves.hidden === areAbove) return;
    moves.hidden = areAbove;
    if (areAbove) moves.before(examples);
    else find(root, "#message").after(examples);
  }

  // Continue names the model of the last reply if it is not the chosen one, which Send writes with.
  /** @param {string} [author] */
  #nameAuthor(author) {
    const { modelName } = this.page.controls;
    const isOther = author !== undefined && modelName !== null && author !== modelName;
    const [node, id, values] = [
      this.#button("continue"),
      isOther ? "move.continue_with" : "move.continue",
      isOther ? { name: nameOf(author) } : {},
    ];
    Object.assign(node.dataset, { text: id, values: JSON.stringify(values) }); // for another language
    setText(node, t(id, values));
  }

  // The empty prompt says what it is going to be: the next line of the text, or the beginning of one.
  /** @param {import("../conversation/log.js").Log} log */
  #invite(log) {
    const { page } = this;
    const model = page.source.about();
    const id = model?.chat
      ? "page.say"
      : model && followsText(log, { model, second: findModel(page.site(), page.controls.blendName) })
        ? "page.next"
        : "page.start";
    page.prompt.dataset.placeholder = id;
    if (page.prompt.placeholder !== t(id)) page.prompt.placeholder = t(id);
  }

  /** @param {import("../conversation/log.js").Log} log */
  #drawVersions(log) {
    const [box, found] = [find(this.page.root, ".branches"), versionsShown(log)];
    if (!isOutdated(box, [found, t("branches.group")])) return;
    keepAtEnd(find(this.page.pane, ".log"), () => (box.hidden = !found));
    if (!found) return;
    const [version, versions] = [found.at + 1, found.ids.length];
    setText(
      find(box, ".count"),
      t(found.turns > 1 ? "branches.count_of" : "branches.count", { turn: found.turn, version, versions }),
    );
    // Not disabled: the button that was pressed keeps the focus.
    [find(box, ".previous").ariaDisabled, find(box, ".next").ariaDisabled] = [
      String(version === 1),
      String(version === versions),
    ];
  }

  /** Shows the version before or after the one that is shown. @param {-1 | 1} by */
  #showVersion(by) {
    const { page } = this;
    const { ids, at } = versionsShown(page.log());
    if (ids[at + by]) page.run(() => showVersion(page.log(), ids[at + by]));
  }

  /** Undo brings back what Clear ended, until something is written. */
  get #canRestore() {
    return this.cleared !== null && !this.page.log().turns.length;
  }

  #undo() {
    if (!this.cleared || !this.#canRestore) return undo(this.page.log());
    [this.page.current.log, this.cleared] = [this.cleared, null];
  }

  /** Called when a conversation was deleted from the list of earlier ones. @param {string} id */
  forget(id) {
    if (this.cleared?.id === id) this.cleared = null;
    this.page.changed();
  }

  // Says where the conversation can be found that is no longer shown.
  #clear() {
    const { page } = this;
    const log = page.log();
    const isStored = page.clear();
    page.history.update();
    if (!lastTurn(log)) return;
    this.cleared = log;
    if (page.storage.unsaved.has(log)) return;
    const message = find(page.root, "#message");
    if (isStored) page.history.sayKept(message);
    else setText(message, t("history.not_kept"));
  }

  async #copy() {
    const { page } = this;
    const isCopied = await copyText(wholeText(page.log()), find(page.root, ".log"));
    setText(find(page.root, "#message"), t(isCopied ? "static.copied" : "static.copy_selected"));
  }
}
