/** The shell of the page: everything that never changes while it is open. Requests are put into it by its script. */

import { PAGE_STYLE } from "./page.css.ts";
import { PAGE_SCRIPT } from "./page.js.ts";

interface Shell {
  /** Lets this one style and this one script run, and no other. */
  readonly nonce: string;
  readonly person: string;
  readonly vkey: string;
}

/** The whole document. Holds no request, so nothing that a job wrote is ever markup. */
export function renderPage({ nonce, person, vkey }: Shell): string {
  const [, keyId = ""] = vkey.split("+");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Countersign</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${PAGE_STYLE}</style>
</head>
<body>
<header class="bar">
  <h1>Countersign</h1>
  <p id="count" class="count"></p>
  <p class="who">You answer as <b>${escapeHtml(person)}</b></p>
  <button type="button" id="help-open" class="quiet" aria-haspopup="dialog">Keys <kbd>?</kbd></button>
</header>
<p id="notice" class="notice" role="alert" hidden></p>
<p id="spoken" class="spoken" role="status" aria-live="polite"></p>
<main>
  <noscript><p class="notice">This page needs JavaScript to show what waits. Answer in the terminal instead.</p></noscript>
  <section id="waiting" aria-label="Commands that wait for an answer"></section>
  <section id="empty" class="empty" hidden>
    <h2>Nothing waits for you</h2>
    <p>A job on this machine reaches its databases through Countersign. When it sends a command that policy holds for a
    person, the command stops and is shown here, whole, with what it would touch.</p>
    <p>Leave this page open: it updates by itself. What nobody answers in time is refused.</p>
  </section>
  <section id="answered" hidden aria-labelledby="answered-title">
    <h2 id="answered-title" class="rule">Answered in this run</h2>
    <ol id="history" class="history"></ol>
  </section>
</main>
<footer class="foot">Local countersigner, key <code>${escapeHtml(keyId)}</code>. Only this machine can reach this page.</footer>
<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title">Keys</h2>
  <dl class="keys">
    <div><dt><kbd>j</kbd> <kbd>k</kbd> or <kbd>↓</kbd> <kbd>↑</kbd></dt><dd>next, previous request</dd></div>
    <div><dt><kbd>a</kbd></dt><dd>approve, asks once more</dd></div>
    <div><dt><kbd>d</kbd></dt><dd>deny</dd></div>
    <div><dt><kbd>Enter</kbd></dt><dd>confirm</dd></div>
    <div><dt><kbd>Esc</kbd></dt><dd>go back</dd></div>
    <div><dt><kbd>?</kbd></dt><dd>this list</dd></div>
  </dl>
  <form method="dialog"><button class="plain">Close</button></form>
</dialog>
<script nonce="${nonce}">${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
