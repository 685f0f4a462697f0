/** The pages of the first run: choose, look once more, and what to do now. No script runs on them. */

import type { Blueprint, Choice } from "./manifest.ts";
import { SET_UP_STYLE } from "./page.css.ts";

/** What is wrong with a choice, by its field. */
export type ChoiceFaults = Partial<Record<keyof Choice, string>>;

export interface ChoosePage {
  readonly blueprint: Blueprint;
  readonly choice: Choice;
  readonly faults: ChoiceFaults;
  /** The operator's variable says the URL, so the page cannot. */
  readonly isUrlFixed: boolean;
  readonly action: string;
}

/** The first page: the App's name, owner and URL, and what it will be allowed to do. */
export function choosePage({ blueprint, choice, faults, isUrlFixed, action }: ChoosePage): string {
  const [focused = "name"] = Object.keys(faults);
  const rows = blueprint.permissions.map(({ name, level, why }) => ({ term: `${name} `, small: level, text: why }));
  return page(
    "Create the App",
    "Step 1 of 3",
    `<h1>Create the GitHub App</h1>
<p class="lead">Countersign asks people on GitHub, and keeps its record there, as an App that you own. Its key and its webhook secret
go from GitHub to this machine alone.</p>
<form method="post" action="${escape(action)}">
${field({ name: "name", label: "Name", value: choice.name, focused, fault: faults.name, hint: "As everybody sees it on checks. No two Apps on GitHub may have the same.", more: 'type="text" maxlength="34" required' })}
${field({ name: "organization", label: "Organisation", value: choice.organization, focused, fault: faults.organization, hint: "Who is to own it. Empty: your own account.", more: 'type="text" maxlength="39" autocapitalize="none" spellcheck="false"' })}
${field({ name: "url", label: "Public URL", value: choice.url, focused, fault: faults.url, hint: isUrlFixed ? "COUNTERSIGN_URL says so." : "Where GitHub and your runners reach this App, over https.", more: `type="url" required spellcheck="false"${isUrlFixed ? " readonly" : ""}` })}
<div class="actions"><button>Continue</button></div>
</form>
<h2>What it may do, and why</h2>
${table(rows)}`,
  );
}

export interface ConfirmPage {
  readonly choice: Choice;
  readonly manifest: object;
  /** GitHub's address that takes the manifest. */
  readonly creation: string;
  readonly webhooks: string;
  readonly settingsPath: string;
  readonly back: string;
}

/** The second page: what GitHub will be asked for, with the form that asks it. */
export function confirmPage({ choice, manifest, creation, webhooks, settingsPath, back }: ConfirmPage): string {
  const rows = [
    { term: "Name", text: choice.name },
    { term: "Owner", text: choice.organization === "" ? "your own account" : choice.organization },
    { term: "Public URL", text: choice.url },
    { term: "Webhooks to", text: webhooks },
    { term: "Settings in", text: `${settingsPath}, which only this user may read` },
  ];
  return page(
    "Look once more",
    "Step 2 of 3",
    `<h1>Send this to GitHub</h1>
<p class="lead">GitHub shows it again and creates the App when you agree. Then it sends your browser back here.</p>
${table(rows)}
<form method="post" action="${escape(creation)}">
<input type="hidden" name="manifest" value="${escape(JSON.stringify(manifest))}">
<div class="actions"><button autofocus>Create it on GitHub</button><a class="plain" href="${escape(back)}">Change something</a></div>
</form>`,
  );
}

/** The last page: the App is there and runs; where it is installed. */
export function donePage(of: {
  readonly name: string;
  readonly install: string;
  readonly settingsPath: string;
}): string {
  return page(
    "The App is created",
    "Step 3 of 3",
    `<h1><span class="good">Created:</span> ${escape(of.name)}</h1>
<p class="lead">Its settings are in <code>${escape(of.settingsPath)}</code>. Keep a copy where you keep secrets. Countersign goes on as
this App now; nothing has to be started again.</p>
<h2>What is left to do</h2>
<ol>
<li>Install it on the repositories whose jobs go through the gateway.</li>
<li>Put <code>.github/countersign.yml</code> into each, on the default branch.</li>
</ol>
<div class="actions"><a class="button" href="${escape(of.install)}" autofocus>Install it</a></div>`,
  );
}

/** Something did not go as it should, and what to do. */
export function faultPage(title: string, text: string): string {
  return page(title, "", `<h1>${escape(title)}</h1>\n<p class="fault" role="alert">${escape(text)}</p>`);
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly hint: string;
  readonly fault: string | undefined;
  /** Attributes, ours. */
  readonly more: string;
  readonly focused: string;
}

function field({ name, label, value, hint, fault, more, focused }: Field): string {
  const wrong = fault === undefined ? "" : `\n<p class="wrong" id="${name}-wrong">${escape(fault)}</p>`;
  const described = `${name}-hint${fault === undefined ? "" : ` ${name}-wrong`}`;
  const invalid = fault === undefined ? "" : ' aria-invalid="true"';
  const focus = focused === name ? " autofocus" : "";
  return `<label for="${name}">${label}</label>
<p class="hint" id="${name}-hint">${escape(hint)}</p>
<input id="${name}" name="${name}" value="${escape(value)}" autocomplete="off" aria-describedby="${described}"${invalid}${focus} ${more}>${wrong}`;
}

function table(rows: readonly { readonly term: string; readonly small?: string; readonly text: string }[]): string {
  const each = rows.map(({ term, small, text }) => {
    const name = small === undefined ? escape(term) : `<code>${escape(term)}<small>${escape(small)}</small></code>`;
    return `<div><dt>${name}</dt><dd>${escape(text)}</dd></div>`;
  });
  return `<dl class="rows">\n${each.join("\n")}\n</dl>`;
}

function page(title: string, step: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escape(title)} - Countersign</title>
<link rel="icon" href="data:,">
<style>${SET_UP_STYLE}</style>
</head>
<body>
<header><b>Countersign</b><span>${step}</span></header>
<main><div class="sheet">
${body}
</div></main>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
