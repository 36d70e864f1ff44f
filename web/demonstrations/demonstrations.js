// The list in the menu: the demonstrations, the tour, and the switch of the colours. Their modules are imported when one is pressed.

import { effect, html, render } from "../vendor/preact.js";
import { Button, find } from "../document/dom.js";
import { t } from "../document/words.js";
import { lineCounter } from "../lenses/names.js";
import { stop } from "../state/actions.js";
import * as state from "../state/state.js";

/** @import { Model } from "../engines/engine.js" */

/** @type {Record<string, (model: Model) => boolean>} whether a model has a demonstration, by name */
const OFFERED = {
  lines: (model) => lineCounter(model) !== null,
  bolder: () => true,
  learn: (model) => model.samples,
};

/** Shows a demonstration. @type {(name: string) => Promise<void>} */
let show;

/**
 * Draws the list. Returns what imports the modules of the stage and the tour.
 * @param {HTMLElement} root
 */
export function bindDemonstrations(root) {
  const { href, target, rel } = find(root, "#menu .train", HTMLAnchorElement); // as the entry of the page has set them
  const train = html`<${TrainLink} href=${href} target=${target || null} rel=${rel || null} />`;
  let loading = /** @type {ReturnType<typeof draw> | null} */ (null);
  const draw = async () => {
    const [stage, tour] = await Promise.all([import("./stage.js"), import("./tour.js")]);
    stage.drawStage(root, train);
    tour.drawTour(root);
    return stage;
  };
  const load = () => {
    loading ??= draw();
    loading.catch(() => (loading = null)); // without a network: the next click tries again
    return loading;
  };
  show = async (name) => (await load()).show(name);
  render(html`<${Tour} />`, find(root, "#begin-tour"));
  render(html`<${List} train=${train} />`, find(root, "#demonstrations"));
  effect(() => {
    if (state.tourStep.value) load().catch(() => (state.tourStep.value = 0));
  });
  return load;
}

function Tour() {
  const begin = () => {
    if (state.busy.value) stop(); // its steps are about a whole text; Continue writes the rest
    state.once(
      () => !state.busy.value,
      () => (state.tourStep.value = 1),
    );
  };
  return html`<${Button} class="tour" hidden=${!state.hasLenses.value} isOff=${state.model.value === null} onPress=${begin}>${t("tour.begin")}<//>`;
}

/** The button that shows a demonstration. @param {{name: string}} properties */
function Demonstration({ name }) {
  const model = state.model.value;
  const isHidden = state.isStarted.value && !(model && OFFERED[name](model));
  return html`<${Button} data-demonstration=${name} hidden=${isHidden} isOff=${model === null} onPress=${() => show(name)}>${t(`demo.${name}`)}<//>`;
}

/** @param {{train: any}} properties  the link to a training, which a phone has here */
function List({ train }) {
  const buttons = Object.keys(OFFERED).map((name) => html`<${Demonstration} key=${name} name=${name} />`);
  const switchColours = ({ target }) => (state.colours.value = target.checked);
  const colours = html`<label class="colours"><input type="checkbox" checked=${state.colours.value} onChange=${switchColours} />${t("page.colours")}</label>`;
  return html`
    ${buttons}
    ${state.hasLenses.value && colours} ${train}`;
}

/** The link to a training on the visitor's own text. @param {Record<string, ?string>} attributes */
function TrainLink(attributes) {
  const away = html`<span class="for-readers away">${t("page.new_tab")}</span>`;
  return html`<a class="train" ...${attributes}><span>${t("train.title")}</span>${away}</a>`;
}
