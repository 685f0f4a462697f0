// What a page says of values that were erased: which, when, by whom and why.

import type { Erasure } from "./erasure.ts";
import type { KnownEvent } from "./event-shapes.ts";
import { table, timeOf } from "./markdown.ts";
import { codeSpan } from "./visible.ts";

/** Of an erasure of many values so many are named one by one. */
const ERASED_SHOWN_MAX = 20;

/** What stands where something was erased. */
export class Places {
  readonly #wanted = new Map<number, string>();

  constructor(erasures: readonly Erasure[]) {
    for (const { ptrs } of erasures) {
      for (const ptr of ptrs.slice(0, ERASED_SHOWN_MAX)) this.#wanted.set(seqOf(ptr), "");
    }
  }

  add(event: KnownEvent): void {
    if (!this.#wanted.has(event.seq)) return;
    const of = "cmd" in event.body ? `command ${event.body.cmd}` : `connection ${event.conn}`;
    this.#wanted.set(event.seq, of);
  }

  /** In words: `text of command 1/3`. */
  name(ptr: string): string {
    const [, field = "", at = ""] = /\/body\/(text|params|response|reason|application)\/([0-9]{1,6})$/.exec(ptr) ?? [];
    const of = this.#wanted.get(seqOf(ptr)) ?? "";
    return of === "" || field === "" ? "a value that no event has" : `${fieldName(field, Number(at))} of ${of}`;
  }
}

const fieldName = (field: string, at: number): string =>
  field === "params" ? `parameter ${at + 1}` : field === "response" ? "answer" : field;

function seqOf(ptr: string): number {
  return Number(/^\/([0-9]{1,15})\//.exec(ptr)?.[1] ?? "-1");
}

/** The section of the page; empty where nothing was erased. */
export function erasedValues(erasures: readonly Erasure[], places: Places): string {
  if (erasures.length === 0) return "";
  const rows = erasures.map(({ at, by, reason, ptrs }, index) => {
    const named = ptrs.slice(0, ERASED_SHOWN_MAX).map((ptr) => places.name(ptr));
    const rest = ptrs.length - named.length;
    const path = `erasures/${index + 1}.dsse.json`;
    const what = `${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    return [timeOf(at), codeSpan(by), codeSpan(reason), what, `[${path}](${path})`];
  });
  return [
    "## Erased\n\n",
    "These values were taken out for ever. Their digests stay in the events, so everything that was signed still holds.\n\n",
    table(["When", "By", "Why", "What", "Signed"], rows),
  ].join("");
}
