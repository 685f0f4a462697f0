// A session in which everything that a job, a target or a stranger may choose is one and the same hostile text.

import type { SealedSession } from "../../src/evidence/layout.ts";
import { wellFormed } from "../../src/journal/well-formed.ts";
import { makeSession, party } from "./sealed.ts";

/** Ways to leave the place where text is shown, each of which did so somewhere once. */
export const HOSTILE = [
  "```\n</details>\n# Heading @octocat\n| a | b |\n![x](https://evil.example/x.png)\n\u202e<script>\0\n````mermaid",
  "`` ` `` ``` ```` ` ",
  "@octocat #123 GH-1 acme/shop#5 a94a8fe5ccb19ba61c4c0873d391e987982fbbd3 :tada: :warning:",
  "https://evil.example www.evil.example mailto:a@evil.example <https://evil.example> a@evil.example",
  "[x](javascript:alert(1)) ![x](https://evil.example/x.png) [^1]\n\n[^1]: footnote",
  "</code></pre></td></tr></table></details><script>alert(1)</script><!-- ",
  "--> ]]> <![CDATA[ <?php <!DOCTYPE html> &lt;script&gt; &#60;b&#62;",
  "a | b || c \\| d \\\\| e",
  "$\\frac{1}{2}$ $$x$$ $`y`$",
  "~~~\n~~~\n---\n***\n> [!WARNING]\n> quoted\n- [ ] task\n1. one",
  "---\ntitle: front matter\n---",
  "\u202eright to left\u202c \u2066isolate\u2069 \u200bzero\u200dwidth\ufeff\u00ad",
  "\u001b[31mred\u001b]8;;https://evil.example\u0007link\u001b]8;;\u0007\0\b\r\n",
  'sequenceDiagram\n  J->>G: end\n%%{init: {}}%%\nclick A href "javascript:alert(1)"',
  "\u05d0\u05d1\u05d2 12 \u0645\u0631\u062d\u0628\u0627",
  "=cmd|' /C calc'!A0;=1+1\t@SUM(A1)",
  " leading and trailing ",
  "   ",
  "\n\n\n",
  "\\u{202e} \\` \\",
  "\ud83d\udca9\u{1f468}\u200d\u{1f469}\ufe0f",
  "x".repeat(80_000),
  "`".repeat(5000),
] as const;

/** Fields whose words are from a list, or are checked to be digests, times or keys. */
const OURS = new Set([
  "cmd",
  "leaf",
  "digest",
  "expiresAt",
  "decision",
  "answer",
  "ruling",
  "outcome",
  "purpose",
  "effects",
  "tier",
  "countersigner",
  "vkey",
  "dsse",
  "...",
  "request",
]);

/** Fields of which the page shows how many different ones there are. */
const ONE = new Set(["target", "actor", "triggeringActor"]);

/** As much of a hostile text as a name in an event may be: a line of events has a bound. */
export function nameOf(text: string): string {
  return wellFormed(text.slice(0, 200));
}

/** Makes the session. `among`: hostile texts, which stand one after the other where anything stands. */
export function hostileSession(...among: readonly [string, ...string[]]): SealedSession {
  let at = 0;
  const next = (): string => among[(at += 1) % among.length] ?? among[0];
  const name = (): string => nameOf(next());
  const poison = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map((each: unknown) => (typeof each === "string" ? name() : poison(each)));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([field, each]) =>
        OURS.has(field)
          ? [field, each]
          : field === "bytes"
            ? [field, 80]
            : ONE.has(field) && typeof each === "string"
              ? [field, nameOf(among[0])]
              : [field, typeof each === "string" ? name() : poison(each)],
      ),
    );
  };
  return makeSession(party(), {
    text: next(),
    response: next(),
    event: (_type, body) => poison(body) as object,
  });
}
