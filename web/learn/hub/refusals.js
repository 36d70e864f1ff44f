// Maps the Hub's errors to messages for the visitor: what is wrong, and what to do.

import { Refusal } from "../../engines/refusal.js";
import { HubApiError } from "../../vendor/huggingface_hub.js";

const BY_STATUS = {
  401: "publish.token",
  402: "publish.quota",
  403: "publish.forbidden",
  404: "publish.missing",
  409: "publish.changed",
  412: "publish.changed",
  413: "publish.quota",
  429: "publish.rate",
};

/**
 * Returns the refusal for an error of a request to the Hub. Other errors are returned as they are.
 * @param {any} error
 * @param {string} repo that the request was about
 */
export function refusalOf(error, repo) {
  if (error instanceof HubApiError) return refuse(error.statusCode, error.data, repo);
  // Chromium, Firefox and Safari each have a text of their own; the wrapper of XMLHttpRequest in @huggingface/hub has none.
  const isNetwork = error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
  return isNetwork || (error instanceof Error && !error.message) ? new Refusal({ id: "publish.offline" }) : error;
}

/**
 * @param {number} status of HTTP
 * @param {any} data the answer
 * @param {string} repo
 */
function refuse(status, data, repo) {
  const reason = `${data?.error ?? data?.message ?? ""}`.replace(/\s+/g, " ").slice(0, 300);
  const isFull = status === 403 && /storage|quota|limit/i.test(reason);
  const id = isFull
    ? "publish.quota"
    : (BY_STATUS[status] ?? (status >= 500 ? "publish.hub_fault" : "publish.refused"));
  return new Refusal({ id, values: { repo, status, reason: reason || `HTTP ${status}` } });
}
