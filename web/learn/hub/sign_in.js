// Signs in with Hugging Face (OAuth), in a static Space with `hf_oauth: true`: the Hub puts the Space's client id into its
// page. The visitor leaves the page and returns to it; then the page requests a token, and keeps it in memory only.

import { attempt } from "../../conversation/stored_conversations.js";
import { refusal } from "../../engines/engine.js";

const ANSWER_MS = 30_000; // the page opens only after the Hub's answer
const STORED = "char-lstm/sign-in"; // in sessionStorage: the values that the Hub's answer must match

/** @typedef {{model: string, fields: Record<string, string | boolean>}} FilledIn the name of a model, and a form */

/** The visitor's token, "" without a sign-in; why the last sign-in failed; and the form that was filled in before it. */
export const session = {
  token: "",
  fault: /** @type {import("../../engines/engine.js").Message | null} */ (null),
  filledIn: /** @type {FilledIn | null} */ (null),
};

/** Returns whether visitors can sign in on this page. */
export function canSignIn() {
  return Boolean(/** @type {any} */ (window).huggingface?.variables?.OAUTH_CLIENT_ID);
}

/** Returns whether this page has sent the visitor to the Hub's sign-in. */
export function isReturning() {
  return attempt(() => sessionStorage.getItem(STORED)) !== null;
}

/**
 * Opens the Hub's sign-in, which returns to this page.
 * @param {string} hub its address
 * @param {FilledIn | null} form is restored when the visitor returns
 */
export async function signIn(hub, form = null) {
  const kept = {};
  const hash = location.hash.startsWith("#train-") ? location.hash : "#train"; // opens the panel again
  const redirectUrl = location.origin + location.pathname;
  const address = await asked(({ oauthLoginUrl }) => oauthLoginUrl({ hubUrl: hub, redirectUrl, localStorage: kept }));
  sessionStorage.setItem(STORED, JSON.stringify({ ...kept, back: `${location.search}${hash}`, form }));
  location.assign(address);
}

/**
 * Requests the token after the visitor has returned, and restores the address that the page had before.
 * @param {string} hub
 */
export async function finishSignIn(hub) {
  const { nonce, codeVerifier, back, form } = JSON.parse(sessionStorage.getItem(STORED) ?? "{}");
  const given = { hubUrl: hub, redirectedUrl: location.href, nonce, codeVerifier };
  session.filledIn = form;
  sessionStorage.removeItem(STORED); // a code is good for one request
  history.replaceState(null, "", location.pathname + back);
  const limit = new Promise((_, reject) => setTimeout(() => reject(refusal("publish.offline")), ANSWER_MS));
  try {
    const answer = asked(({ oauthHandleRedirect }) => oauthHandleRedirect(given));
    session.token = (await Promise.race([answer, limit])).accessToken;
  } catch (error) {
    session.fault = error.reason?.id === "publish.offline" ? error.reason : { id: "publish.not_signed_in" };
  }
}

// Returns what the Hub's library answers.
/** @template Value @param {(library: typeof import("../../vendor/huggingface_hub.js")) => Promise<Value>} act */
async function asked(act) {
  const { refusalOf } = await import("./publish.js"); // it imports the library, too
  const library = await import("../../vendor/huggingface_hub.js");
  try {
    return await act(library);
  } catch (error) {
    throw refusalOf(error, "");
  }
}
