// The part of sharing that the first screen needs. It imports the modules that make and follow links when they are needed.

import { find } from "../document/dom.js";

/** @import { Link } from "../conversation/links.js" */

export class Sharing {
  #share = /** @type {Promise<import("./share.js").Share> | null} */ (null);
  following = /** @type {Link | null} */ (null); // the link that is being written
  own = /** @type {{before: Record<string, string>, after: Record<string, string>} | null} */ (null); // the settings before and after the link set them, until its conversation is left

  /**
   * @param {HTMLElement} root
   * @param {import("../page/main.js").Page} page
   */
  constructor(root, page) {
    this.box = find(root, "#share-link");
    this.page = page;
    const close = () => {
      if (this.box.contains(document.activeElement)) find(root, '[data-move="share"]').focus({ preventScroll: true });
      this.hide();
    };
    find(this.box, ".close").addEventListener("click", close);
    document.addEventListener("keydown", (event) => event.key === "Escape" && close());
    document.addEventListener(
      "pointerdown",
      ({ target }) => target instanceof Node && !this.box.contains(target) && this.hide(),
    );
  }

  load() {
    this.#share ??= import("./share.js").then(({ Share }) => new Share(this.page, this));
    this.#share.catch(() => (this.#share = null)); // without a network: the next click tries again
    return this.#share;
  }

  hide() {
    this.box.hidden = true;
  }

  /** Ends to follow a link, because the visitor does something else. */
  cancel() {
    this.following = null;
  }

  /**
   * Ends the conversation of a link, and removes the link from the address.
   * @returns {Record<string, string>} the settings to restore: those that the link has set and the visitor has not changed since
   */
  leave() {
    const [own, now] = [this.own, this.page.controls.stored()];
    this.own = null;
    if (!own) return {};
    history.replaceState(history.state, "", location.pathname + location.hash);
    return Object.fromEntries(Object.entries(own.before).filter(([name]) => own.after[name] === now[name]));
  }

  /** See `share` of Share. */
  async share() {
    return (await this.load()).share();
  }

  /** See `open` of Share. @param {string} query */
  async open(query) {
    return (await this.load()).open(query);
  }
}
