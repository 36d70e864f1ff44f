// Signing in with Hugging Face (OAuth), in a static Space with `hf_oauth: true`: the Hub puts the Space's client id into
// its page. The visitor leaves the page and comes back to the same one, which then asks for a token. The token is kept in
// memory only.

import { attempt } from "../../conversation/stored_conversations.js";
import { Refusal } from "../../engines/refusal.js";

const STORED = "char-lstm/sign-in"; // in sessionStorage: what the answer of the Hub is checked with

/** @typedef {{model: string, fields: Record<string, string | boolean>}} FilledIn the name of a model, and a form */

let token = "";
let filledIn = /** @type {FilledIn | null} */ (null);
let fault = /** @type {import("../../engines/engine.js").Message | null} */ (null);

/** Whether this page can ask the Hub to sign its visitor in. */
export function canSignIn() {
  return Boolean(/** @type {any} */ (window).huggingface?.variables?.OAUTH_CLIENT_ID);
}

/** The token of the visitor who has signed in, "" for none; and why the last sign-in failed. */
export function signedIn() {
  return { token, fault };
}

/** What the visitor had filled in before the sign-in: once, null if nothing. */
export function takeFilledIn() {
  const taken = filledIn;
  filledIn = null;
  return taken;
}

/** Whether the Hub has sent the visitor back to this page. */
export function isReturning() {
  return attempt(() => sessionStorage.getItem(STORED)) !== null && new URLSearchParams(location.search).has("state");
}

/**
 * Leaves the page for the Hub's, which comes back to this page.
 * @param {string} hub its address
 * @param {FilledIn | null} form is there again when the visitor comes back
 */
export async function signIn(hub, form = null) {
  const { oauthLoginUrl } = await import("../../vendor/huggingface_hub.js");
  const { refusalOf } = await import("./refusals.js");
  const kept = {};
  const hash = location.hash.startsWith("#train-") ? location.hash : "#train"; // opens the panel again
  const back = `${location.search}${hash}`;
  try {
    const address = await oauthLoginUrl({ hubUrl: hub, redirectUrl: location.origin + location.pathname, localStorage: kept });
    sessionStorage.setItem(STORED, JSON.stringify({ ...kept, back, form }));
    location.assign(address);
  } catch (error) {
    throw refusalOf(error, "");
  }
}

/**
 * Asks for the token after the visitor has come back, and gives the page the address again that it had before.
 * @param {string} hub
 */
export async function finishSignIn(hub) {
  const { nonce, codeVerifier, back, form } = JSON.parse(sessionStorage.getItem(STORED) ?? "{}");
  const redirectedUrl = location.href;
  filledIn = form;
  sessionStorage.removeItem(STORED); // a code is good for one request
  history.replaceState(null, "", location.pathname + back);
  const { HubApiError, oauthHandleRedirect } = await import("../../vendor/huggingface_hub.js");
  const { refusalOf } = await import("./refusals.js");
  try {
    token = (await oauthHandleRedirect({ hubUrl: hub, redirectedUrl, nonce, codeVerifier })).accessToken;
  } catch (error) {
    const refusal = error instanceof HubApiError ? null : refusalOf(error, "");
    fault = refusal instanceof Refusal ? refusal.reason : { id: "publish.not_signed_in" };
  }
}
