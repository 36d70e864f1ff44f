// The list of earlier conversations in this browser: search, open, delete.

import { html } from "../vendor/preact.js";
import { focusPrompt } from "../document/dom.js";
import { Button } from "../document/views.js";
import { language, t } from "../document/words.js";
import { deleteEarlier, open } from "../state/actions.js";
import { earlier, log } from "../state/state.js";

const SHOWN = 50;
const EXCERPT = 80; // characters

/** @import { StoredConversation } from "../conversation/stored_conversations.js" */

export function HistoryView() {
  if (!earlier.ids.value.some((id) => id !== log.value.id)) return null;
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
  const wanted = earlier.search.value.trim().toLowerCase();
  const found = earlier.stored.value
    .filter(({ id, text }) => id !== log.value.id && text.toLowerCase().includes(wanted))
    .slice(0, SHOWN);
  const entries = found.map((each) => html`<${Entry} key=${each.id} conversation=${each} wanted=${wanted} />`);
  return html`
    <ul aria-label=${t("history.title")}>${entries}</ul>
    <p class="none" role="status">${!found.length && t("history.none")}</p>`;
}

/** A conversation, with a button that deletes it. @param {{conversation: StoredConversation, wanted: string}} properties */
function Entry({ conversation, wanted }) {
  const { id, changed, text } = conversation;
  const excerpt = excerptOf(text, wanted);
  const [short, date] = [{ text: excerpt.slice(0, 30) }, new Date(changed)];
  const day = date.toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" });
  const show = async () => (await open(id)) && focusPrompt();
  const remove = async () => {
    if (!confirm(t("history.delete_sure", short))) return;
    await deleteEarlier(id);
    focusPrompt();
  };
  return html`
    <li>
      <${Button} class="open" title=${t("history.open", { text: excerpt })} onPress=${show}>
        <span>${excerpt || t("branches.empty")}</span>
        <small>${day}</small>
      <//>
      <${Button} class="delete" aria-label=${t("history.delete", short)} onPress=${remove}>✕<//>
    </li>`;
}

/** The first characters of a conversation, or those around what is searched for. @param {string} text @param {string} wanted */
function excerptOf(text, wanted) {
  const at = Math.max(0, wanted ? text.toLowerCase().indexOf(wanted) - 20 : 0);
  const excerpt = [...text.slice(at)].slice(0, EXCERPT).join("").replace(/\s+/g, " ");
  return (at ? "…" : "") + excerpt;
}
