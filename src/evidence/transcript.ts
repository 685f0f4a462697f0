// A session as a terminal tells it: each event in the order it came, as lines of harmless text. Pure; whoever prints it
// adds colours, a pager, or the pauses that there were.

import type { EventBodies, Redacted } from "../model/event.ts";
import { valueText } from "./answer-text.ts";
import type { Erasure } from "./erasure.ts";
import type { KnownEvent } from "./event-shapes.ts";
import { counted } from "./markdown.ts";
import { readEvents } from "./read-events.ts";
import { openValues, type Values } from "./story.ts";
import { visibleLine } from "./visible.ts";

/** How a line is meant: a terminal may colour it so. */
export type Tone = "plain" | "strong" | "dim" | "good" | "held" | "bad";

export interface Line {
  readonly tone: Tone;
  /** One line, with nothing in it that moves a cursor or cannot be seen. */
  readonly text: string;
}

/** What one event says. */
export interface Moment {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly lines: readonly Line[];
}

/** The moments of a session. `charsMax`: of one value so much is told, and how much more there is. */
export function transcript(
  events: Uint8Array,
  disclosures: Uint8Array,
  { erasures, charsMax }: { readonly erasures: readonly Erasure[]; readonly charsMax: number },
): readonly Moment[] {
  const values = openValues(disclosures, "all");
  const erased = new Set(erasures.flatMap(({ digests }) => digests));
  const teller = new Teller(values, erased, charsMax);
  const moments: Moment[] = [];
  readEvents(events, (event) => {
    const lines = teller.tell(event);
    if (lines.length > 0) moments.push({ atMs: Date.parse(event.at), lines });
  });
  for (const erasure of erasures) moments.push({ atMs: moments.at(-1)?.atMs ?? 0, lines: erasureLines(erasure) });
  return moments;
}

function erasureLines({ at, by, reason, digests }: Erasure): readonly Line[] {
  const what = `${counted(digests.length, "value")} erased by ${by} at ${at}: ${reason}`;
  return [{ tone: "held", text: visibleLine(what) }];
}

class Teller {
  readonly #values: Values;
  readonly #erased: ReadonlySet<string>;
  readonly #charsMax: number;
  readonly #texts = new Map<number, readonly Redacted[]>();

  constructor(values: Values, erased: ReadonlySet<string>, charsMax: number) {
    this.#values = values;
    this.#erased = erased;
    this.#charsMax = charsMax;
  }

  tell(event: KnownEvent): readonly Line[] {
    const time = event.at.slice(11, 23);
    const line = (tone: Tone, text: string): Line => ({ tone, text: visibleLine(text) });
    switch (event.type) {
      case "session.started":
        return started(event.sid, event.at, event.body);
      case "credential.issued":
        return [line("dim", `${time}  the App released its credential of ${event.body.target} to the session`)];
      case "connection.opened": {
        const { target, user, database, purpose, application } = event.body;
        const program = application.map((each) => this.#oneLine(each)).join(" ");
        const own =
          purpose === "preview" || purpose === "catalogue"
            ? `, the gateway's own: ${purpose}`
            : purpose === "cancel" || purpose === "plan"
              ? `, ${purpose}`
              : "";
        return [
          line(
            "dim",
            `${time}  connection ${event.conn} to ${target}, database ${database}, as ${user}${own} (${program})`,
          ),
        ];
      }
      case "command.seen": {
        const { cmd, target, effects, text, textOf, params, bounded, objects } = event.body;
        if (text.length > 0) this.#texts.set(event.seq, text);
        const all = text.length > 0 ? text : (this.#texts.get(textOf) ?? []);
        const reach = bounded ? "" : ", no condition limits what it changes";
        return [
          line(
            "strong",
            `${time}  ${cmd}  ${effects.join(" ")} on ${target}${objects.length === 0 ? "" : `: ${objects.join(" ")}`}${reach}`,
          ),
          ...all.flatMap((each) => this.#block("plain", each)),
          ...params.map((each, at) => line("dim", `    $${at + 1} = ${this.#oneLine(each)}`)),
        ];
      }
      case "command.decided": {
        const { cmd, decision, rule, message } = event.body;
        return [
          line(TONES[decision], `${time}  ${cmd}  ${decision} by rule ${rule}${message === "" ? "" : `: ${message}`}`),
        ];
      }
      case "plan.requested": {
        const { request, digests, target, expiresAt } = event.body;
        const what = `${counted(digests.length, "statement")} on ${target}`;
        return [line("held", `${time}  asks people about a plan of ${what} in request ${request}, until ${expiresAt}`)];
      }
      case "plan.answered": {
        const { request, answer, by, reason } = event.body;
        const who = by.map(({ login, via }) => `${login} (${via})`).join(", ");
        const tone = answer === "approved" ? "good" : "bad";
        return [
          line(tone, `${time}  plan ${request}  ${answer}${who === "" ? "" : ` by ${who}`}`),
          ...reason.flatMap((each) => this.#block("plain", each)),
        ];
      }
      case "approval.requested": {
        const { cmd, request, impact, expiresAt } = event.body;
        const rows = impact.counted >= 0 ? `, would touch ${counted(impact.counted, "row")}` : "";
        return [line("held", `${time}  ${cmd}  asks people in request ${request}${rows}, until ${expiresAt}`)];
      }
      case "approval.answered": {
        const { cmd, answer, by, reason } = event.body;
        const who = by.map(({ login, via }) => `${login} (${via})`).join(", ");
        return [
          line(answer === "approved" ? "good" : "bad", `${time}  ${cmd}  ${answer}${who === "" ? "" : ` by ${who}`}`),
          ...reason.flatMap((each) => this.#block("plain", each)),
        ];
      }
      case "command.settled": {
        const { cmd, ruling, cause } = event.body;
        return ruling === "release" ? [] : [line("bad", `${time}  ${cmd}  refused: ${cause}`)];
      }
      case "command.returned": {
        const { cmd, outcome, code, rows, tookUs, response, truncated } = event.body;
        const how = `${outcome}${code === "" ? "" : ` ${code}`}${rows < 0 ? "" : `, ${counted(rows, "row")}`}`;
        const part = truncated ? ", recorded in part" : "";
        return [
          line(
            outcome === "error" ? "bad" : "good",
            `${time}  ${cmd}  ${how}, ${(tookUs / 1000).toFixed(1)} ms${part}`,
          ),
          ...response.flatMap((each) => this.#block("dim", each)),
        ];
      }
      case "connection.closed":
        return [
          line("dim", `${time}  connection ${event.conn} closed${event.body.why === "" ? "" : `: ${event.body.why}`}`),
        ];
      case "gap":
        return [
          line("bad", `${time}  missing${event.body.cmd === "" ? "" : `, of ${event.body.cmd}`}: ${event.body.what}`),
        ];
      case "session.ended": {
        const { outcome, exit, commands, held, denied } = event.body;
        const tone = outcome === "completed" ? "good" : "bad";
        return [
          line(
            tone,
            `${time}  ${outcome}, exit code ${exit}: ${counted(commands, "command")}, ${held} held, ${denied} refused`,
          ),
        ];
      }
      case "masked":
        return [];
    }
  }

  #text(redacted: Redacted): string {
    const value = this.#values(redacted);
    if (value !== undefined) return valueText(value, this.#charsMax);
    return this.#erased.has(redacted["..."]) ? "(erased)" : "(withheld, and no erasure says so)";
  }

  #oneLine(redacted: Redacted): string {
    return this.#text(redacted).replaceAll("\n", "\\n");
  }

  #block(tone: Tone, redacted: Redacted): readonly Line[] {
    // A tab moves the cursor as far as the terminal likes.
    const lines = this.#text(redacted).replaceAll("\t", "    ").split("\n");
    return lines.map((text) => ({ tone, text: `    ${text}` }));
  }
}

const TONES = { allow: "dim", hold: "held", deny: "bad" } as const;

function started(
  sid: string,
  at: string,
  { identity, policy, targets, tier, countersigner }: EventBodies["session.started"],
): Line[] {
  const facts: readonly (readonly [string, string])[] = [
    ["started", at],
    ["who", [...new Set([identity.actor, identity.triggeringActor])].filter((each) => each !== "").join(", ")],
    ["where", [identity.repository, identity.workflowRef, identity.ref].filter((each) => each !== "").join(" ")],
    ["run", [identity.run, identity.attempt, identity.job].filter((each) => each !== "").join(" ")],
    ["commit", identity.commit],
    ["targets", targets.map(({ name, protocol }) => `${name} (${protocol})`).join(", ")],
    ["policy", policy.digest],
    ["assurance", `${tier}, countersigned by ${countersigner.split("+")[0]}`],
  ];
  return [
    { tone: "strong", text: visibleLine(`session ${sid}`) },
    ...facts
      .filter(([, value]) => value !== "")
      .map(([label, value]): Line => ({ tone: "dim", text: visibleLine(`${label.padEnd(10)} ${value}`) })),
    { tone: "plain", text: "" },
  ];
}
