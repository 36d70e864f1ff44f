// The chat format of a model that was trained on conversations (model/chat.py): the strings around a message.

/**
 * The text that the model reads before it replies in a chat.
 *
 * @param {{prefix: string, suffix: string, stop: string}} chat
 * @param {string} message  "" for another turn of the model without a message
 */
export function wrap(chat, message) {
  const parts = message.split(chat.stop).map((part) => part.trim());
  const inside = parts.filter(Boolean).join(chat.stop.length > 1 ? [...chat.stop][0] : " "); // a stop text would end the turn
  if (inside) return chat.prefix + inside + chat.suffix;
  return chat.suffix.startsWith(chat.stop) ? chat.suffix.slice(chat.stop.length) : chat.suffix;
}
