// The stand-in in a browser: what is there, and a check run with its buttons. Only `npm run standin` serves these; a test
// presses buttons through the object.

import type { IncomingMessage, ServerResponse } from "node:http";
import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import type { People } from "./people.ts";
import { fullName } from "./render/repository.ts";
import type { Account, CheckRun, World } from "./world.ts";

/** Answers a browser, or says that the request is not one of a browser's. */
export type Pages = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;

export function createPages(world: World, people: Pick<People, "buttons" | "press">): Pages {
  return async (request, response) => {
    const url = new URL(request.url ?? "/", world.origin);
    const match = /^\/([^/]+\/[^/]+)\/runs\/(\d+)$/.exec(url.pathname);
    const check = match === null ? undefined : checkAt(world, match[1] ?? "", match[2] ?? "");
    if (url.pathname !== "/" && check === undefined) return false;
    const person = world.accounts.get((url.searchParams.get("as") ?? "").toLowerCase());
    if (request.method === "POST" && check !== undefined && person !== undefined) {
      // Another site's page must not press for whoever looks at this one.
      if (request.headers.origin !== world.origin) return false;
      await people.press(check, url.searchParams.get("press") ?? "", person);
      response.writeHead(303, { location: `${url.pathname}?as=${encodeURIComponent(person.login)}` }).end();
      return true;
    }
    const body = check === undefined ? index(world) : checkPage(world, people, { check, person });
    const policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'";
    response.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy });
    response.end(`<!doctype html><meta charset="utf-8"><title>Stand-in</title>
<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#f6f8fa;padding:1rem}</style>
${body}`);
    return true;
  };
}

function checkAt(world: World, name: string, id: string): CheckRun | undefined {
  const repository = world.repositories.find((each) => fullName(each) === name);
  return repository?.checkRuns.find((each) => String(each.id) === id);
}

function index(world: World): string {
  const parts = world.repositories.map((repository) => {
    const name = fullName(repository);
    const checks = repository.checkRuns.map(
      (check) =>
        `<li><a href="/${escape(name)}/runs/${check.id}">${escape(check.name)}</a> ${escape(check.conclusion ?? check.status)}</li>`,
    );
    const clone = `git clone ${world.origin}/${name}.git`;
    return `<h2>${escape(name)}</h2><pre>${escape(clone)}</pre><ul>${checks.join("")}</ul>`;
  });
  return `<h1>A stand-in for GitHub</h1>${parts.join("")}`;
}

interface Viewed {
  readonly check: CheckRun;
  readonly person: Account | undefined;
}

function checkPage(world: World, people: Pick<People, "buttons">, { check, person }: Viewed): string {
  const users = [...world.accounts.values()].filter(({ kind }) => kind === "User");
  const links = users.map(({ login }) => `<a href="?as=${encodeURIComponent(login)}">${escape(login)}</a>`).join(", ");
  const labels = person === undefined ? [] : people.buttons(check, person);
  const buttons = labels.map((label) => {
    const query = new URLSearchParams({ as: person?.login ?? "", press: label });
    return `<form method="post" action="?${escape(query.toString())}"><button>${escape(label)}</button></form>`;
  });
  const { title, summary, text } = check.output;
  return `<p><a href="/">all</a>; seen as ${escape(person?.login ?? "nobody")}; see as ${links}</p>
<h1>${escape(check.name)}</h1><p>${escape(check.status)} ${escape(check.conclusion ?? "")} on ${escape(check.headSha)}</p>
${buttons.join("")}<h2>${escape(title ?? "")}</h2>${markdown(summary)}${markdown(text)}`;
}

// HTML in it is shown as text: the stand-in leaves nothing to be sanitised.
function markdown(text: string | undefined): string {
  return micromark(text ?? "", { extensions: [gfm()], htmlExtensions: [gfmHtml()] });
}

function escape(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "'": "&#39;",
  };
  return text.replaceAll(/[&<>"']/g, (each) => names[each] ?? each);
}
