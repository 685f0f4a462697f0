/** How the set-up looks: system fonts, one column, light and dark, from 320 pixels up. The same colours as the approval page. */
export const SET_UP_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f4f1; --sheet: #ffffff; --well: #f7f7f5; --line: #d9d9d3; --ink: #1a1c1f; --soft: #565b63; --field: #85898f;
  --accent: #174a8c; --on-accent: #ffffff; --danger: #9c1f18; --danger-well: #fbeae8; --good: #1d6238; --focus: #1f66c7;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121315; --sheet: #1b1d20; --well: #141618; --line: #34383d; --ink: #e9eaec; --soft: #a5abb4; --field: #7d838c;
    --accent: #8fb8f5; --on-accent: #0c1c33; --danger: #ff9f96; --danger-well: #391c1a; --good: #84d3a0; --focus: #8fb8f5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%;
}
h1, h2, p, ol, dl, dd { margin: 0; padding: 0; overflow-wrap: anywhere; }
header, main { width: min(100% - 2rem, 44rem); margin: 0 auto; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .1rem 1rem; padding: .9rem 0; color: var(--soft); }
header b { color: var(--ink); font-weight: 650; }
main { padding: .5rem 0 3rem; }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; padding: 1.5rem; }
h1 { font-size: 1.45rem; line-height: 1.3; font-weight: 650; text-wrap: balance; }
h2 { font-size: 1rem; font-weight: 650; margin-top: 1.75rem; }
.lead { margin-top: .5rem; color: var(--soft); max-width: 36rem; }
code { font-family: var(--mono); font-size: .9em; overflow-wrap: anywhere; }
label { display: block; margin-top: 1.25rem; font-weight: 600; }
.hint { color: var(--soft); font-size: .9rem; font-weight: 400; margin-top: .1rem; }
input[type=text], input[type=url] {
  display: block; width: 100%; margin-top: .35rem; padding: .55rem .75rem; min-height: 2.75rem; font: inherit; font-size: 1rem;
  color: var(--ink); background: var(--sheet); border: 1px solid var(--field); border-radius: 8px;
}
input[readonly] { background: var(--well); color: var(--soft); }
input[aria-invalid=true] { border-color: var(--danger); }
.wrong { margin-top: .3rem; color: var(--danger); font-size: .9rem; font-weight: 600; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin-top: 1.6rem; }
button, .button {
  font: inherit; font-weight: 600; border-radius: 8px; padding: .55rem 1.2rem; min-height: 2.75rem; cursor: pointer;
  border: 1px solid var(--accent); background: var(--accent); color: var(--on-accent); text-decoration: none; display: inline-block;
}
.plain { color: var(--accent); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.rows { margin-top: .6rem; border-top: 1px solid var(--line); }
.rows div { display: grid; grid-template-columns: 11rem 1fr; gap: .1rem 1.25rem; padding: .6rem 0; border-bottom: 1px solid var(--line); }
.rows dt { font-size: .92rem; font-weight: 600; overflow-wrap: anywhere; }
.rows dt code { font-weight: 400; }
.rows dt small { color: var(--soft); font-size: 1em; }
.rows dd { color: var(--soft); font-size: .92rem; overflow-wrap: anywhere; }
.fault { padding: .8rem 1rem; margin-top: 1rem; border-radius: 8px; background: var(--danger-well); color: var(--danger); }
.good { color: var(--good); }
ol { margin-top: .8rem; padding-left: 1.3rem; }
li + li { margin-top: .5rem; }
@media (max-width: 34rem) {
  .sheet { padding: 1.1rem; }
  .rows div { grid-template-columns: 1fr; }
  .actions button, .actions .button { width: 100%; text-align: center; }
}
@media (forced-colors: active) { button, .button { border-color: ButtonText; } }
`;
