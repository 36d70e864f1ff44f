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
  if (error instanceof HubApiError) return refuse(error.statusCode, error.data, repo, error.url);
  if (error instanceof SyntaxError) return new Refusal({ id: "publish.portal" }); // HTML where the Hub answers with JSON
  // Chromium, Firefox and Safari each have a text of their own; the wrapper of XMLHttpRequest in @huggingface/hub has none.
  const isNetwork = error instanceof TypeError && /fetch|network|load failed/i.test(error.message);
  return isNetwork || (error instanceof Error && !error.message) ? new Refusal({ id: "publish.offline" }) : error;
}

/**
 * @param {number} status of HTTP
 * @param {any} data the answer
 * @param {string} repo
 * @param {string} url that has answered; "" if it is that of an upload with a progress
 */
function refuse(status, data, repo, url) {
  const reason = `${data?.error ?? data?.message ?? ""}`.replace(/\s+/g, " ").slice(0, 300);
  const isStorage = !/\/api\/|\.git\/info\/lfs\/|\/oauth\//.test(url); // an address that the Hub has signed for some time
  const special = isStorage
    ? "publish.expired"
    : /storage|quota/i.test(reason)
      ? "publish.quota"
      : /limit|maximum|too many/i.test(reason)
        ? "publish.limit"
        : BY_STATUS[403];
  const id =
    status === 403 ? special : (BY_STATUS[status] ?? (status >= 500 ? "publish.hub_fault" : "publish.refused"));
  return new Refusal({ id, values: { repo, status, reason: reason || `HTTP ${status}` } });
}
