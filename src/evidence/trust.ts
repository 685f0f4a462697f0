// `trust/policy`: which keys sign the log and which countersign, as https://c2sp.org/tlog-policy writes it. It says what
// the evidence claims; whoever wants to know better pins a key of their own.

import { NoteError, parseVkey, type Verifier } from "../tlog/note.ts";

export interface Trust {
  readonly logs: readonly Verifier[];
  readonly witnesses: readonly Verifier[];
}

/** The specification asks implementations for 32 of each. */
const KEYS_MAX = 32;

const GROUP = "countersigners";

/** Writes the file. Every key of a log may sign checkpoints; any one of the countersigners is a quorum. */
export function encodeTrust({ logs, witnesses }: Trust): string {
  const names = witnesses.map((_, at) => `countersigner-${at + 1}`);
  return [
    ...logs.map(({ vkey }) => `log ${vkey}`),
    ...witnesses.map(({ vkey }, at) => `witness countersigner-${at + 1} ${vkey}`),
    ...(names.length === 0 ? [] : [`group ${GROUP} any ${names.join(" ")}`]),
    `quorum ${names.length === 0 ? "none" : GROUP}`,
    "",
  ].join("\n");
}

/** Reads the file, in the one form that `encodeTrust` writes. A string says what is wrong. */
export function parseTrust(text: string): Trust | string {
  const lines = text.split("\n");
  const logs: Verifier[] = [];
  const witnesses: Verifier[] = [];
  try {
    for (const line of lines) {
      const [word, first = "", second = ""] = line.split(" ");
      if (word === "log") logs.push(parseVkey(first));
      if (word === "witness") witnesses.push(parseVkey(second));
    }
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    throw error;
  }
  if (logs.length > KEYS_MAX || witnesses.length > KEYS_MAX) return `more than ${KEYS_MAX} keys`;
  if (logs.some(({ kind }) => kind !== "log")) return "a log's key has type 0x01";
  if (witnesses.some(({ kind }) => kind !== "witness")) return "a countersigner's key has type 0x04";
  // One spelling: what we would write is what must stand there, so no line can hide from this reader.
  return encodeTrust({ logs, witnesses }) === text ? { logs, witnesses } : "not a policy of this version";
}

/** The same trust with these keys in it. */
export function trusting(trust: Trust, log: Verifier, witness: Verifier | undefined): Trust {
  const add = (list: readonly Verifier[], one: Verifier): readonly Verifier[] =>
    list.some(({ vkey }) => vkey === one.vkey) ? list : [...list, one];
  return {
    logs: add(trust.logs, log),
    witnesses: witness === undefined ? trust.witnesses : add(trust.witnesses, witness),
  };
}
