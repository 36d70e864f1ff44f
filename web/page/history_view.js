// The list of earlier conversations in this browser: search, open, delete, and undo the last deletion.

import { html } from "../vendor/preact.js";
import { focusPrompt } from "../document/dom.js";
import { Button } from "../document/views.js";
import { language, t } from "../document/words.js";
import { deleteEarlier, open, restoreEarlier } from "../state/actions.js";
import { earlier, log } from "../state/state.js";

const SHOWN = 50;
const EXCERPT = 80; // characters

/** @import { StoredConversation } from "../conversation/stored_conversations.js" */

export function HistoryView() {
  const deleted = earlier.deleted.value;
  const hasOthers = earlier.ids.value.some((id) => id !== log.value.id);
  if (!hasOthers && !deleted) return null;
  const toggle = ({ target }) => (earlier.isOpen.value = target.open);
  const search = (event) => (earlier.search.value = event.target.value);
  const list = earlier.isOpen.value && html`<${List} />`;
  return html`
    <details id="history" open=${earlier.isOpen.value} onToggle=${toggle}>
      <summary>${t("history.title")}</summary>
      <p>${t("history.what")}</p>
      <input type="search" value=${earlier.search.value} onInput=${search} aria-label=${t("history.search")} placeholder=${t("history.search")} />
      ${list}
    </details>`;
}

function List() {
  const deleted = earlier.deleted.value;
  const wanted = earlier.search.value.trim().toLowerCase();
  const all = earlier.stored.value.filter(({ id }) => id !== log.value.id && id !== deleted?.id);
  const found = (deleted ? [...all, deleted] : all)
    .filter(({ text }) => text.toLowerCase().includes(wanted))
    .sort((one, other) => other.changed - one.changed)
    .slice(0, SHOWN);
  const entries = found.map((each) => html`<${Entry} key=${each.id} conversation=${each} wanted=${wanted} />`);
  const status = deleted
    ? t("history.deleted", { text: excerptOf(deleted.text, "") })
    : !found.length && t("history.none");
  const place = deleted ? "none for-readers" : "none"; // its row says the same
  return html`
    <ul aria-label=${t("history.title")}>${entries}</ul>
    <p class=${place} role="status">${status}</p>`;
}

/**
 * A conversation, with a button that deletes it; the same button restores it then, so it keeps the focus.
 * @param {{conversation: StoredConversation, wanted: string}} properties
 */
function Entry({ conversation, wanted }) {
  const { id, changed, text } = conversation;
  const excerpt = excerptOf(text, wanted);
  const isDeleted = conversation === earlier.deleted.value;
  const date = new Date(changed).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  const show = async () => (await open(id)) && focusPrompt();
  const conversationOf = () => html`
    <${Button} key="open" class="open" title=${t("history.open", { text: excerpt })} onPress=${show}>
      <span>${excerpt || t("branches.empty")}</span>
      <small>${date}</small>
    <//>`;
  const label = t("history.delete", { text: excerpt.slice(0, 30) });
  const change = isDeleted
    ? { class: "undo", onPress: restoreEarlier, children: t("move.undo") }
    : { class: "delete", "aria-label": label, onPress: () => deleteEarlier(conversation), children: "✕" };
  const deleted = html`<span>${t("history.deleted", { text: excerptOf(text, "") })}</span>`;
  return html`<li class=${isDeleted && "deleted"}>${isDeleted ? deleted : conversationOf()}<${Button} key="change" ...${change} /></li>`;
}

/** The first characters of a conversation, or those around what is searched for. @param {string} text @param {string} wanted */
function excerptOf(text, wanted) {
  const at = Math.max(0, wanted ? text.toLowerCase().indexOf(wanted) - 20 : 0);
  const excerpt = [...text.slice(at)].slice(0, EXCERPT).join("").replace(/\s+/g, " ");
  return (at ? "…" : "") + excerpt;
}
