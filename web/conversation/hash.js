// Random ids and hashes, in hex digits.

/** @param {Uint8Array} bytes */
function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns a random id of 32 hex digits. */
export function randomId() {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

/** Returns the SHA-256 of bytes; null where the browser has none (over http, except localhost). @param {BufferSource} bytes */
export async function sha256(bytes) {
  return globalThis.crypto?.subtle ? hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) : null;
}
