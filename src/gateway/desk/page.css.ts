/** How the page looks: system fonts, one column, light and dark, from 320 pixels up. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f4f1; --sheet: #ffffff; --well: #f7f7f5; --line: #d9d9d3; --ink: #1a1c1f; --soft: #565b63;
  --accent: #174a8c; --on-accent: #ffffff; --danger: #9c1f18; --danger-well: #fbeae8; --warn: #7a4b00; --warn-well: #fcf1dc;
  --good: #1d6238; --focus: #1f66c7; --shadow: 0 1px 2px rgb(0 0 0 / .06), 0 6px 20px rgb(0 0 0 / .05);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121315; --sheet: #1b1d20; --well: #141618; --line: #34383d; --ink: #e9eaec; --soft: #a5abb4;
    --accent: #8fb8f5; --on-accent: #0c1c33; --danger: #ff9f96; --danger-well: #391c1a; --warn: #f2c069; --warn-well: #33270f;
    --good: #84d3a0; --focus: #8fb8f5; --shadow: none;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%;
}
h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
code, pre, kbd { font-family: var(--mono); font-size: .92em; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 .35em; font-size: .8em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.bar {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1rem;
  padding: .7rem max(1rem, calc(50% - 25rem)); background: var(--ground); border-bottom: 1px solid var(--line);
}
.bar h1 { font-size: 1rem; font-weight: 650; letter-spacing: .01em; }
.count { color: var(--soft); }
.count.some { color: var(--danger); font-weight: 600; }
.who { margin-left: auto; color: var(--soft); overflow-wrap: anywhere; }
.who b { color: var(--ink); font-weight: 600; }
main, .foot, .notice { width: min(100% - 2rem, 50rem); margin: 0 auto; }
main { padding: 1.25rem 0 2rem; }
.foot { padding-bottom: 2rem; color: var(--soft); font-size: .85rem; }
.notice { margin-top: 1rem; padding: .7rem 1rem; border-radius: 8px; background: var(--warn-well); color: var(--warn); }

button { font: inherit; color: inherit; border-radius: 8px; padding: .5rem 1.1rem; min-height: 2.6rem; border: 1px solid var(--line); background: var(--sheet); cursor: pointer; }
button:disabled { opacity: .55; cursor: default; }
button.quiet { border: 0; background: none; padding: 0 .3rem; min-height: 0; color: var(--soft); }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
button.deny { color: var(--danger); border-color: currentColor; font-weight: 600; }
button kbd { margin-left: .4em; border-color: currentColor; opacity: .75; }

.card { position: relative; margin-bottom: 1.25rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); overflow: clip; scroll-margin: 4rem 0 1rem; }
.card > * { padding-inline: 1.25rem; }
.left { height: 3px; padding: 0 !important; background: var(--line); }
.left i { display: block; height: 100%; background: var(--accent); transform-origin: left; }
.soon .left i { background: var(--danger); }
.top { display: flex; gap: 1rem; align-items: flex-start; padding-top: 1rem; }
.top > div:first-child { flex: 1; min-width: 0; }
.where { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; }
.card h2 { font-size: 1.3rem; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; margin: .1rem 0 .5rem; }
.clock { text-align: right; white-space: nowrap; }
.clock b { display: block; font: 600 1.3rem/1.3 var(--mono); font-variant-numeric: tabular-nums; }
.clock span { color: var(--soft); font-size: .82rem; }
.soon .clock b { color: var(--danger); }
.chips { display: flex; flex-wrap: wrap; gap: .35rem; }
.chips li { font-size: .8rem; font-weight: 600; padding: .05rem .55rem; border-radius: 99px; border: 1px solid var(--line); color: var(--soft); }
.chips .danger { color: var(--danger); background: var(--danger-well); border-color: transparent; }
.chips .warn { color: var(--warn); background: var(--warn-well); border-color: transparent; }

.warnings { margin: .9rem 1.25rem 0; padding: .6rem .9rem; border-radius: 8px; background: var(--warn-well); color: var(--warn); font-size: .92rem; }
.warnings li + li { margin-top: .3rem; }
.facts { padding-top: .9rem; }
.facts div { display: grid; grid-template-columns: 6.5rem 1fr; gap: 1rem; padding: .14rem 0; }
.facts dt { color: var(--soft); font-size: .9rem; }
.facts dd { overflow-wrap: anywhere; min-width: 0; max-height: 9rem; overflow: auto; }
.part + .facts { padding-top: .25rem; font-size: .9rem; }
.facts.job { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.5rem; }
.facts.job div { grid-template-columns: 6.5rem 1fr; }
.facts .danger { color: var(--danger); font-weight: 600; }
.facts .warn { color: var(--warn); font-weight: 600; }
.part { padding-top: 1.1rem; display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.part h3, .rule { font-size: .9rem; font-weight: 600; }
.part span { color: var(--soft); font-size: .82rem; text-align: right; }
.text { margin: .4rem 1.25rem 0; padding: .8rem .9rem !important; max-height: min(24rem, 55vh); overflow: auto; background: var(--well); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; }
.text, .facts dd, .params td { direction: ltr; unicode-bidi: bidi-override; }
.escape { color: var(--danger); background: var(--danger-well); border-radius: 3px; padding: 0 .15em; }
.note { color: var(--warn); font-style: italic; font-family: system-ui, sans-serif; }
.params { width: calc(100% - 2.5rem); margin: .4rem 1.25rem 0; padding: 0 !important; border: 1px solid var(--line); border-radius: 8px; max-height: 14rem; overflow: auto; background: var(--well); }
.params table { border-collapse: collapse; width: 100%; }
.params th, .params td { text-align: left; vertical-align: top; padding: .3rem .9rem; font: .88rem/1.5 var(--mono); overflow-wrap: anywhere; white-space: pre-wrap; }
.params th { width: 4rem; color: var(--soft); font-weight: 400; }
.params tr + tr > * { border-top: 1px solid var(--line); }
.null { color: var(--soft); font-style: italic; }
.bound { padding-top: 1rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: .7rem; justify-content: flex-end; padding-block: 1rem 1.15rem; }
.confirm { margin-top: 1rem; padding-block: 1rem 1.15rem; border-top: 1px solid var(--line); background: var(--well); }
.confirm p { font-weight: 600; }
.confirm label { display: block; margin-top: .6rem; color: var(--soft); font-size: .88rem; }
.confirm textarea { display: block; width: 100%; margin-top: .25rem; padding: .5rem .7rem; font: inherit; font-size: 1rem; color: var(--ink); background: var(--sheet); border: 1px solid var(--soft); border-radius: 8px; min-height: 2.6rem; max-height: 10rem; resize: vertical; field-sizing: content; }
.confirm .actions { padding: .8rem 0 0; }
.failed { color: var(--danger); font-weight: 600; padding-bottom: 1rem; }

.empty { max-width: 36rem; margin: 12vh auto; text-align: center; color: var(--soft); }
.empty.after { margin: 3rem auto; }
.empty p { text-wrap: balance; }
.empty h2 { color: var(--ink); font-size: 1.3rem; font-weight: 650; margin-bottom: .6rem; }
.empty p + p { margin-top: .6rem; }
.rule { margin: 2.2rem 0 .6rem; color: var(--soft); }
.history { border: 1px solid var(--line); border-radius: 12px; background: var(--sheet); overflow: clip; }
.history > li + li { border-top: 1px solid var(--line); }
.history summary { display: grid; grid-template-columns: 6.5rem 1fr auto; gap: .1rem 1rem; padding: .75rem 1.25rem; cursor: pointer; list-style: none; }
.history summary::-webkit-details-marker { display: none; }
.history summary:focus-visible { outline-offset: -3px; }
.word { font-weight: 650; color: var(--soft); }
.word.approved { color: var(--good); }
.word.refused { color: var(--danger); }
.what { overflow-wrap: anywhere; }
.when { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.how { grid-column: 2 / -1; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.history .body { padding-bottom: 1.1rem; }
.history .body > * { padding-inline: 1.25rem; }

dialog { width: min(100% - 2rem, 26rem); color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog h2 { font-size: 1.05rem; margin-bottom: .7rem; }
.keys div { display: flex; justify-content: space-between; gap: 1rem; padding: .3rem 0; }
.keys dd { color: var(--soft); text-align: right; }
dialog form { text-align: right; margin-top: .8rem; }

@media (max-width: 34rem) {
  .who { order: 3; flex-basis: 100%; margin: 0; font-size: .88rem; }
  main, .foot, .notice { width: min(100% - 1.25rem, 50rem); }
  .card > * { padding-inline: .9rem; }
  .card h2 { font-size: 1.15rem; }
  .top { flex-direction: column; gap: .3rem; padding-top: .7rem; }
  .clock { order: -1; text-align: left; }
  .clock b { display: inline; font-size: 1rem; margin-right: .4em; }
  .text, .params, .warnings { margin-inline: .9rem; }
  .params { width: calc(100% - 1.8rem); }
  .facts div, .facts.job div { grid-template-columns: 5rem 1fr; gap: .6rem; }
  .facts dt { font-size: .82rem; padding-top: .1rem; }
  .facts.job { grid-template-columns: 1fr; }
  #help-open { display: none; }
  .part { flex-wrap: wrap; gap: 0 1rem; }
  .part span { text-align: left; }
  .actions button { flex: 1; }
  .history summary { grid-template-columns: 1fr auto; padding-inline: .9rem; }
  .what, .how { grid-column: 1 / -1; }
  .when { grid-row: 1; grid-column: 2; }
  button kbd { display: none; }
}
@media (prefers-reduced-motion: no-preference) { .left i { transition: transform 1s linear; } }
`;
