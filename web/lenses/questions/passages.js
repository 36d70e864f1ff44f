// "Where it is highest and lowest" under the lens Memory: the passages in which the chosen cell is highest and lowest.

import { html } from "../../vendor/preact.js";
import { refOf } from "../../conversation/models.js";
import { visibleCharacter } from "../../document/dom.js";
import { render, t } from "../../document/words.js";
import { engine } from "../../page/actions.js";
import * as page from "../../page/state.js";
import { useAnswer } from "../answers.js";
import { isOpen } from "../state.js";

/** @param {{cell: ?import("../../engines/engine.js").NamedCell}} properties  the section is shown if it has passages */
export function Passages({ cell }) {
  const [open, model] = [isOpen.passages.value, page.model.value];
  const isAsked = open && cell?.passages && model;
  const ask = () => (isAsked ? engine.passages({ model: refOf(model), cell: [cell.layer, cell.index] }) : null);
  const answer = useAnswer(ask, [open, cell, model]);
  const toggle = ({ target }) => (isOpen.passages.value = target.open);
  return html`
    <details class="passages" open=${open} hidden=${!cell?.passages} onToggle=${toggle}>
      <summary>${t("passages.title")}</summary>
      <div role="status">${answer && contentOf(answer)}</div>
    </details>`;
}

/** @param {import("../../engines/engine.js").PassagesAnswer} answer */
function contentOf(answer) {
  if (answer.refusal) return render(answer.refusal);
  const about = answer.seed === null ? t("passages.held_out") : t("passages.written", { seed: answer.seed });
  const columns = /** @type {[string, string, import("../../engines/engine.js").PassagesAnswer["high"]][]} */ ([
    [t("passages.high"), "p4", answer.high],
    [t("passages.low"), "n4", answer.low],
  ]).map(([title, colour, passages]) => {
    const rows = passages.map(
      ([before, character, after]) =>
        html`<li><bdi>${onOneLine(before)}<mark class=${colour}>${visibleCharacter(character)}</mark>${onOneLine(after)}</bdi></li>`,
    );
    return html`<div><h2>${title}</h2><ol>${rows}</ol></div>`;
  });
  return html`<p class="about">${about}</p><div class="both">${columns}</div>`;
}

const onOneLine = (text) => text.replaceAll("\n", "⏎");
