/**
 * @param {number} side
 * @param {string} legend the id of its text
 */
function lensSwitch(side, legend) {
  const choices = ["plain", "surprise", "memory", "step"].map((name) => {
    const checked = name === "plain" ? " checked" : "";
    return `<label><input type="radio" name="lens-${side}" value="${name}"${checked}><span data-text="lens.${name}"></span></label>`;
  });
  return `<fieldset class="lenses">\n<legend class="for-readers" data-text="${legend}"></legend>\n${choices.join("\n")}\n</fieldset>`;
}

/**
 * The document of both pages. Texts are put in by `translate` (words.js), everything else by the modules of this folder.
 *
 * Classes for what those modules create:
 *   .log            .welcome > p.lead, article[data-turn="0"], p.hint      before the first turn; .try-label in its article
 *                   article.turn[data-turn] (.chat, .writing) > .text > .prompt, .reply; then p.status, p.notice, p.fault,
 *                   p.mark, p.footer
 *                   p.refusal                                          its announcements for screen readers lie after .log
 *   #sliders        .setting > .head > label, input[type=number]; then input[type=range], small.help
 *   #notices        p.notice
 *   .alternatives   p.head, button.close, ol.choices > li > .choice > .char, .track, .share; .onward    after .frame
 *   .held-cells ul  li > button
 *   #examples       button, after the span
 *   #demonstrations, #stage, #tour    see demonstrations/
 *   #history        p.none ("history.none"), ul > li > button.open > span, small (named "history.open"); button.delete (named "history.delete")
 */
export const MARKUP = `
<div class="char-lstm">
<header id="intro"><h1></h1><p></p></header>
<div id="notices" role="status"></div>
<div class="columns">
<div id="main">
<div id="demonstrations" role="group" data-label="demo.group" hidden></div>
<section id="stage" aria-labelledby="stage-title" hidden></section>
<div id="panes">
<div class="pane" data-side="0">
<p class="model-name" hidden></p>
${lensSwitch(0, "lens.group")}
<div class="frame">
<div class="log" role="log" aria-live="off" data-label="page.conversation" tabindex="0"></div>
<div class="held-cells bar" role="group" data-label="hold.group" hidden>
<span data-text="hold.bar"></span>
<ul></ul>
<button type="button" class="rewrite" data-text="hold.rewrite"></button>
</div>
<div class="branches bar" role="group" data-label="branches.group" hidden>
<div class="tree"></div>
<p></p>
</div>
</div>
<section class="panel" hidden></section>
</div>
<div class="pane" data-side="1" hidden>
<p class="model-name"></p>
${lensSwitch(1, "second.lens")}
<div class="frame">
<div class="log" role="log" aria-live="off" data-label="second.conversation" tabindex="0"></div>
</div>
<section class="panel" hidden></section>
</div>
</div>
<div id="loading" hidden>
<p role="status"></p>
<progress max="1" data-label="static.progress"></progress>
</div>
<div id="moves">
<button type="button" data-move="continue" data-text="move.continue" disabled></button>
<button type="button" data-move="retry" data-text="move.retry" disabled></button>
<button type="button" data-move="undo" data-text="move.undo" disabled></button>
<button type="button" data-move="redo" data-text="move.redo" disabled></button>
<button type="button" data-move="clear" data-text="move.clear" disabled></button>
<button type="button" data-move="share" data-text="move.share" disabled></button>
<button type="button" data-move="copy" data-text="move.copy" disabled></button>
</div>
<div id="ask">
<textarea id="prompt" rows="1" data-label="page.prompt" data-placeholder="page.start" enterkeyhint="send"></textarea>
<button type="button" class="primary" data-move="send" data-text="move.send" disabled></button>
<button type="button" data-move="stop" data-text="move.stop" disabled></button>
</div>
<div id="examples" role="group" data-label="page.try" hidden><span data-text="page.try"></span></div>
<div id="share-link" hidden>
<input type="text" readonly data-label="share.link">
<p role="status"></p>
<div class="ways" role="group" data-label="share.ways">
<button type="button" data-way="picture" data-text="share.picture"></button>
<button type="button" data-way="text" data-text="share.text"></button>
<button type="button" data-way="txt" data-text="share.txt"></button>
<button type="button" data-way="json" data-text="share.json"></button>
<button type="button" data-way="embed" data-text="share.embed" hidden></button>
</div>
<textarea readonly rows="4" data-label="share.embed_code" hidden></textarea>
</div>
<p id="message" role="status"></p>
<details id="timeline" hidden>
<summary data-text="timeline.title"></summary>
<p data-text="timeline.what"></p>
<div class="given">
<label class="prompt-field"><span data-text="timeline.prompt"></span><input type="text" maxlength="200" class="timeline-prompt"></label>
<label><span data-text="timeline.seed"></span><input type="number" min="0" max="4294967295" step="1" class="timeline-seed"></label>
</div>
<div class="curve" role="img">
<svg preserveAspectRatio="none" viewBox="0 0 100 100" aria-hidden="true"></svg>
<span class="dot" aria-hidden="true"></span>
<small class="highest" aria-hidden="true"></small>
<small class="lowest" aria-hidden="true"></small>
<small class="last" aria-hidden="true"></small>
</div>
<div class="player">
<button type="button" data-text="timeline.play"></button>
<input type="range" min="0" step="1" value="0" data-label="timeline.slider">
</div>
<p class="now" role="status"></p>
<div class="text" role="region" data-label="timeline.text" tabindex="0"><b></b><span></span></div>
<p class="fault" role="alert"></p>
</details>
<details id="training" hidden>
<summary data-text="train.title"></summary>
<div class="body"></div>
</details>
<p id="training-elsewhere" hidden><a data-text="train.title"></a></p>
<details id="history" hidden>
<summary data-text="history.title"></summary>
<p data-text="history.what"></p>
<input type="search" data-label="history.search" data-placeholder="history.search">
<ul data-label="history.title"></ul>
<p class="none" role="status"></p>
</details>
</div>
<details id="settings" open>
<summary data-text="page.settings"></summary>
<div class="setting"><label for="model" data-text="setting.model"></label><select id="model"></select></div>
<div id="about"></div>
<div class="setting" id="second-choice" hidden><label for="second-model" data-text="second.choice"></label><select id="second-model" aria-describedby="second-help"></select><small class="help" id="second-help" data-text="second.help"></small></div>
<div id="sliders"></div>
<div class="setting">
<label for="seed" data-text="setting.seed"></label>
<input id="seed" type="number" min="0" max="4294967295" step="1" autocomplete="off" data-placeholder="setting.seed.random" aria-describedby="seed-help">
<small class="help" id="seed-help" data-text="setting.seed.help"></small>
</div>
<div id="load"><p></p></div>
</details>
</div>
<section id="tour" aria-labelledby="tour-title" hidden></section>
</div>
`;
