// What of a session can be erased: every value that is disclosed, where it stands, and what it says.

import { openDisclosure } from "../journal/disclosure.ts";
import { readEvents } from "./read-events.ts";
import { linesOf, parseDisclosure } from "./story.ts";

/** One value that can be erased. */
export interface Erasable {
  readonly digest: string;
  readonly ptr: string;
  /** The command, as `1/3`; empty for what is of a connection. */
  readonly cmd: string;
  readonly value: unknown;
}

/** Every disclosed value of a session, in the order of its file. */
export function erasables(events: Uint8Array, disclosures: Uint8Array): readonly Erasable[] {
  const commands = new Map<number, string>();
  readEvents(events, (event) => {
    if ("cmd" in event.body) commands.set(event.seq, event.body.cmd);
  });
  const found: Erasable[] = [];
  for (const line of linesOf(disclosures)) {
    const fields = parseDisclosure(line);
    if (fields === undefined) continue;
    const seq = Number(/^\/([0-9]{1,15})\//.exec(fields.ptr)?.[1] ?? "-1");
    const value = openDisclosure(fields.disclosure)?.value;
    found.push({ digest: fields.digest, ptr: fields.ptr, cmd: commands.get(seq) ?? "", value });
  }
  return found;
}

/** What somebody wants gone: values by pointer or digest, all of a command's, or all there are. */
export interface Wanted {
  readonly values: readonly string[];
  readonly commands: readonly string[];
  readonly all: boolean;
}

/** The values that are meant, or the words that name none. Those that stand elsewhere too are not among them. */
export function choose(
  among: readonly Erasable[],
  { values, commands, all }: Wanted,
): { readonly chosen: readonly Erasable[]; readonly unknown: readonly string[] } {
  const isMeant = (word: string, { digest, ptr, cmd }: Erasable, kind: "value" | "command"): boolean =>
    kind === "value" ? word === digest || word === ptr : word === cmd;
  const chosen = among.filter(
    (each) =>
      all ||
      values.some((word) => isMeant(word, each, "value")) ||
      commands.some((word) => isMeant(word, each, "command")),
  );
  const unknown = [
    ...values.filter((word) => !among.some((each) => isMeant(word, each, "value"))),
    ...commands.filter((word) => !among.some((each) => isMeant(word, each, "command"))),
  ];
  return { chosen, unknown };
}

/** A shorter text is found everywhere by chance. */
const TELLING_CHARS_MIN = 4;

/** Values that stay and hold the text of one that goes: whoever erases one copy wants to know of the others. */
export function copiesOf(chosen: readonly Erasable[], among: readonly Erasable[]): readonly Erasable[] {
  const gone = new Set(chosen.map(({ digest }) => digest));
  const texts = [
    ...new Set(
      chosen.flatMap(({ value }) => (typeof value === "string" && value.length >= TELLING_CHARS_MIN ? [value] : [])),
    ),
  ];
  if (texts.length === 0) return [];
  const needles = texts.map((text) => JSON.stringify(text).slice(1, -1));
  return among.filter(({ digest, value }) => {
    if (gone.has(digest)) return false;
    const json = JSON.stringify(value);
    return needles.some((needle) => json.includes(needle));
  });
}
