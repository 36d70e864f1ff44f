// Shows the turns of one side of a conversation: prompts, replies, and what there is to say about each.

import { isOver, lastPart, pathTo, replyText, turnOf } from "../conversation/log.js";
import { LIMITS } from "../settings.js";
import { create, growText, keepAtEnd, paragraph, setText } from "../document/dom.js";
import { number, percent, render, t } from "../document/words.js";

const CLAMPS = { 4: "up", "-4": "down", 0: "off" };

export class ConversationView {
  /**
   * @param {Element} pane
   * @param {number} side
   * @param {{log: () => import("../conversation/log.js").Log, status: (side: number) => object[], lens: (side: number) => any}} page
   */
  constructor(pane, side, page) {
    this.element = pane.querySelector(".log");
    this.side = side;
    this.page = page;
  }

  /**
   * @param {object} content
   * @param {?import("../engines/engine.js").Model} content.model  whose welcome text an empty conversation shows
   * @param {?object} content.refusal  a message
   */
  update({ model, refusal }) {
    keepAtEnd(this.element, () => {
      const turns = pathTo(this.page.log()).filter((turn) => turn.replies[this.side]);
      const shown = new Set(turns.map((turn) => String(turn.id)));
      for (const node of this.element.querySelectorAll(":scope > article")) if (!shown.has(node.dataset.turn)) node.remove();
      this.#showWelcome(turns.length || this.element.querySelector(":scope > .offer") ? null : model);
      for (const turn of turns) this.#showTurn(turn, turn === turns[turns.length - 1]);
      const text = render(refusal);
      const old = this.element.querySelector(":scope > .refusal");
      if (old?.textContent !== text || old !== this.element.lastElementChild) old?.remove();
      paragraph(this.element, "refusal", text);
      const last = turns[turns.length - 1];
      this.element.setAttribute("aria-busy", String(Boolean(last && lastPart(last.replies[this.side])?.end === null)));
    });
  }

  /** Everything is drawn again, as after a change of language or of the lens. */
  redraw() {
    this.element.querySelectorAll(":scope > article, :scope > .welcome").forEach((node) => node.remove());
  }

  #showWelcome(model) {
    let box = this.element.querySelector(":scope > .welcome");
    if (!model) return box?.remove();
    if (!box) {
      box = create("div", "welcome");
      this.element.prepend(box);
      create("p", "lead", box);
      const article = create("article", "", box);
      article.dataset.turn = 0;
      const text = create("div", "text", article);
      text.lang = ""; // whatever the model has read, not the page's language
      create("span", "prompt", text);
      create("span", "reply", text);
      create("p", "hint", box);
    }
    const [lead, article, hint] = box.children;
    setText(lead, model.welcome ? t("page.hello") : "");
    if (!this.page.lens(this.side)?.draws(article, { id: 0, prompt: "", reply: model.welcome })) growText(article.querySelector(".reply"), model.welcome);
    setText(hint, t(model.chat ? "page.chat_hint" : "page.hint"));
  }

  #showTurn(turn, isLast) {
    const reply = turn.replies[this.side];
    let node = this.element.querySelector(`:scope > [data-turn="${turn.id}"]`);
    if (!node) {
      node = create("article", "turn", this.element);
      node.dataset.turn = turn.id;
      const text = create("div", "text", node);
      text.lang = "";
      create("span", "prompt", text);
      create("span", "reply", text);
    }
    const text = replyText(reply);
    const [prompt, written] = node.firstElementChild.children;
    if (!this.page.lens(this.side)?.draws(node, { id: turn.id, prompt: turn.prompt, reply: text })) {
      setText(prompt, turn.prompt);
      growText(written, text);
    }
    const part = lastPart(reply);
    const writing = part?.end === null;
    node.classList.toggle("writing", writing);
    node.classList.toggle("chat", reply.chat);
    paragraph(node, "status", writing && isLast ? render(this.page.status(this.side)) : "");
    paragraph(node, "notice", render([...(turn.shared && turn.prompt ? [{ id: "notice.shared_prompt" }] : []), ...reply.notices]));
    paragraph(node, "fault", part?.error ? render(part.error) : "");
    paragraph(node, "mark", this.side ? "" : render(turn.check));
    paragraph(node, "footer", part && !writing ? facts(this.page.log(), turn, reply, text).join(" · ") : "");
  }
}

// What the footer of a reply says.
function facts(log, turn, reply, text) {
  const last = lastPart(reply);
  const found = [];
  if (last.settings) found.push(t("fact.seed", { seed: last.settings.seed }));
  found.push(t("fact.characters", { count: [...text].length }));
  if (last.rate) found.push(t("fact.speed", { rate: Math.round(last.rate) }));
  if (reply.second) found.push(t("fact.blend", { models: `${reply.model.name} + ${reply.second.name}`, share: percent(last.settings?.share ?? 0.5) }));
  const cells = new Map(reply.parts.flatMap((part) => part.cells).map((cell) => [JSON.stringify(cell), cell]));
  found.push(...[...cells.values()].map(clampName));
  found.push(ending(reply, last));
  if (turnOf(log, turn.replaced)) found.push(t("fact.undo"));
  return found;
}

function ending(reply, last) {
  const end = isOver(reply) ? "finished" : last.end === "changed" ? "abort" : last.end;
  return t(`ending.${end}`, { minutes: LIMITS.reply_minutes });
}

/** The text for a clamped cell, such as "cell 410 (layer 0) held up". */
export function clampName([layer, cell, value]) {
  return t(`clamp.${CLAMPS[value] ?? "at"}`, { layer, cell, value: number(value) });
}
