// A link that somebody came by, before anything is written; and the link to what was written here.
function showOffer(offer) {
  let node = log.querySelector(":scope > .offer");
  if (!offer) return node && node.remove();
  if (node) return null;
  node = make("div", "offer", log);
  const alone = offer.prompts.length === 1;
  const nothing = offer.prompts.every((prompt) => !prompt);
  make("p", "lead", node).textContent = nothing
    ? t("Somebody shares a text that the model wrote, after no words of theirs.")
    : alone
      ? t("Somebody shares a text that the model wrote. This prompt was written by whoever made this link:")
      : t("Somebody shares a text that the model wrote. These prompts were written by whoever made this link:");
  for (const prompt of offer.prompts) if (prompt) make("div", "text prompt", node).textContent = prompt;
  make("p", "facts", node).textContent = heard(offer.facts);
  paragraph(node, "notice", heard(offer.warning));
  const button = make("button", "again", node);
  [button.type, button.textContent] = ["button", t("Write it again")];
  button.addEventListener("click", () => {
    button.disabled = true;
    trigger("follow", { query: location.search });
  });
  return node;
}

// A field that holds the link, for where the clipboard is not allowed, as in a frame.
async function showShare(share) {
  const box = element.querySelector(".link");
  const shown = box.querySelector("input");
  box.hidden = !share;
  const url = share ? `${share.at || location.origin + location.pathname}?${share.query}` : "";
  if (shown.value === url) return;
  shown.value = url;
  if (!url) return;
  const said = box.querySelector("p");
  try {
    await navigator.clipboard.writeText(url);
    said.textContent = t("Copied: who opens it sees this text written again.");
  } catch {
    said.textContent = t("Copy it from here: who opens it sees this text written again.");
    shown.focus();
    shown.select();
  }
}
