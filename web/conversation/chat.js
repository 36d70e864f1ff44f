// The chat format of a model that was trained on conversations (model/chat.py): the strings around a message.

/**
 * Returns the text that the model reads before it replies in a chat.
 *
 * @param {import("../engines/engine.js").ChatFormat} chat
 * @param {string} message  "" for another turn of the model without a message
 */
export function wrap({ prefix, suffix, stop }, message) {
  const parts = message.split(stop).map((part) => part.trim());
  const [first, ...more] = stop; // code points, as in Python
  const inside = parts.filter(Boolean).join(more.length ? first : " "); // a stop text would end the turn
  if (inside) return prefix + inside + suffix;
  return suffix.startsWith(stop) ? suffix.slice(stop.length) : suffix;
}
