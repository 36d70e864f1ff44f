// The limits of web/settings.json, which the page sends with the first message: a worker that awaits at its top level, as
// settings.js does, would lose messages.

/** The limits by name, see `settings` in ui/settings.py. */
export const limits = /** @type {Record<string, number>} */ ({});
