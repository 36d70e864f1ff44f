// The document of the panel "Train on your text". Texts are put in by `translate` (document/words.js).

import { MINUTES } from "../recipe.js";

export const MARKUP = `
<p class="what" data-text="train.what"></p>
<p class="said" role="status"></p>
<p class="fault" role="alert"></p>
<div class="row next" role="group" data-label="train.next" hidden>
<button type="button" class="primary write" data-text="train.write"></button>
<button type="button" class="train-on" data-text="train.on"></button>
<button type="button" class="get-model" data-text="train.download"></button>
<button type="button" class="give-away" data-text="train.publish"></button>
</div>
<div class="row" hidden><button type="button" class="back-to-first"></button></div>
<div class="running" hidden>
<progress max="1" value="0"></progress>
<p class="figures"></p>
<div class="row controls">
<button type="button" class="pause" data-text="train.pause"></button>
<button type="button" class="stop" data-text="train.stop"></button>
</div>
<div class="written" hidden>
<p data-text="train.sample"></p>
<div class="text" role="region" data-label="train.sample_name" tabindex="0"></div>
</div>
<div class="curve" role="img">
<svg preserveAspectRatio="none" viewBox="0 0 100 100" aria-hidden="true"></svg>
<span class="best" aria-hidden="true" hidden></span>
<small class="highest" aria-hidden="true"></small>
<small class="middle" aria-hidden="true"></small>
<small class="lowest" aria-hidden="true"></small>
<small class="last" aria-hidden="true"></small>
</div>
<p class="legend"><span class="line training"></span> <span data-text="train.training_loss"></span> <span class="line held-out"></span> <span data-text="train.held_out_loss"></span> <span class="best"></span> <span data-text="train.best"></span></p>
<p data-text="train.scales"></p>
<p class="losses"></p>
<div class="explained">
<p data-text="train.bits_help"></p>
<p class="by-heart" role="status"></p>
</div>
</div>
<div class="kept" hidden>
<p></p>
<div class="row">
<button type="button" class="primary continue" data-text="train.continue"></button>
<button type="button" class="discard" data-text="train.discard"></button>
</div>
</div>
<div class="choose">
<p class="how"></p>
<label class="wide"><span data-text="train.text"></span><textarea rows="4" spellcheck="false"></textarea></label>
<div class="row">
<button type="button" class="pick" data-text="train.pick"></button>
<input type="file" class="text-file" hidden>
<span class="examples" role="group" data-label="train.examples"></span>
</div>
<div role="status">
<ul class="read"></ul>
<div class="private" hidden><p data-text="train.private"></p><ul></ul></div>
</div>
<div class="chat-options" hidden>
<label><input type="checkbox" class="is-chat"><span data-text="train.as_chat"></span></label>
<label class="writes-as"><span data-text="train.writes_as"></span><select class="reply-as"></select></label>
</div>
<div class="options">
<fieldset class="from">
<legend data-text="train.from"></legend>
<label><input type="radio" name="train-from" value="scratch" checked><span data-text="train.scratch"></span></label>
<label><input type="radio" name="train-from" value="parent"><span class="parent"></span></label>
</fieldset>
<label class="minutes"><span data-text="train.minutes"></span><input type="range" min="${MINUTES.least}" max="${MINUTES.most}" step="1" value="${MINUTES.usual}"><output></output></label>
<div class="row"><button type="button" class="primary start" data-text="train.start" disabled></button></div>
<p class="phone" hidden></p>
</div>
</div>
<div class="trained" hidden>
<h2 data-text="train.models"></h2>
<p data-text="train.models_where"></p>
<ul data-label="train.models"></ul>
</div>
<div class="row own-model">
<span data-text="train.have"></span>
<button type="button" class="open-model" data-text="train.open"></button>
<input type="file" class="model-file" accept=".zip" hidden>
<button type="button" class="open-folder" data-text="train.open_folder"></button>
<input type="file" class="model-folder" webkitdirectory hidden>
</div>
<div class="publishing"></div>
`;
