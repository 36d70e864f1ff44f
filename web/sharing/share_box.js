// The part of sharing that the first screen needs. The module that makes and follows links is imported when it is needed.

import { html } from "../vendor/preact.js";
import { Button } from "../document/views.js";
import { t } from "../document/words.js";
import { close } from "../state/back.js";
import { shareBox } from "../state/state.js";

let loading = /** @type {Promise<typeof import("./share.js")> | null} */ (null);

/** Imports the module that makes and follows links. */
export function loadShare() {
  loading ??= import("./share.js");
  loading.catch(() => (loading = null)); // without a network: the next click tries again
  return loading;
}

/** The link to the text, and the other ways to share it. */
export function ShareBox() {
  const box = shareBox.value;
  if (!box) return null;
  const names = ["picture", "txt", "json"];
  const ways = names.map((name) => {
    const act = async () => (await loadShare()).saveAs(name);
    const label = t(`share.${name}`);
    return html`<${Button} key=${name} data-way=${name} onPress=${act}>${label}<//>`;
  });
  const address = duplicateAddress();
  const duplicate = html`<p><a href=${address} target="_blank" rel="noopener">${t("share.duplicate")}</a></p>`;
  const link = html`<input type="text" readonly value=${box.address} aria-label=${t("share.link")} />`;
  return html`
    <div id="share-link">
      ${box.address && link}
      <p role="status">${box.note}</p>
      <${Button} class="close" aria-label=${t("alternatives.close")} onPress=${() => closeShare(true)}>✕<//>
      <div class="ways" role="group" aria-label=${t("share.ways")}>${ways}</div>
      ${address && duplicate}
    </div>`;
}

// The address at which the Hub copies the Space of this page; "" if the page is not the Space that it was published as.
function duplicateAddress() {
  const { hub, space } = document.documentElement.dataset;
  const host = space?.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return space && location.hostname.startsWith(`${host}.`) ? `${hub}/spaces/${space}?duplicate=true` : "";
}

/** Closes the box, and puts the focus back on Share. @param {boolean} returnsFocus */
export function closeShare(returnsFocus) {
  if (!shareBox.value) return;
  if (returnsFocus) close(shareBox);
  else shareBox.value = null;
}
