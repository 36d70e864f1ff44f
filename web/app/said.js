// HTML from the server whose texts are shown in the visitor's language, whenever it changes.
const changes = new MutationObserver(retell);

function retell() {
  translate(element);
  changes.takeRecords(); // of what was done here
}

changes.observe(element, { childList: true, subtree: true });
onLanguage(retell);
retell();
