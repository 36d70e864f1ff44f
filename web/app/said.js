// What the server says of the models in English is told in the visitor's language, whenever it says something else.
const again = new MutationObserver(tell);
let retell = () => {};

function tell() {
  retell = translate(element);
  again.takeRecords(); // of what was done here
}

again.observe(element, { childList: true, characterData: true, subtree: true });
onLanguage(() => (retell(), again.takeRecords()));
tell();
