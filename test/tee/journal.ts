// Reads a session's `events.jsonl` and `disclosures.jsonl` as an auditor without the product would: JSON and SHA-256, no
// more. Shares no code with the gateway.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A command as the journal tells of it. */
export interface RecordedCommand {
  readonly id: string;
  readonly connection: number;
  readonly digest: string;
  readonly bytes: number;
  readonly effects: readonly string[];
  /** What the digest was salted with; undefined when it was not disclosed. */
  readonly key: Buffer | undefined;
  /** Masked, as it was recorded; undefined when it was not disclosed. */
  readonly text: string | undefined;
  /** Masked, as they were recorded; those that were not disclosed are left out. */
  readonly params: readonly string[];
  /** Each parameter, null where it was null; undefined where it was not disclosed. */
  readonly values: readonly unknown[];
  decision: string;
  /** `release`, `refuse`, or empty while it was not settled. */
  ruling: string;
  cause: string;
  readonly returned: RecordedReturn[];
}

export interface RecordedReturn {
  readonly execution: number;
  readonly outcome: string;
  readonly code: string;
  readonly rows: number;
  readonly bytes: number;
  readonly digest: string;
  readonly copied: { readonly bytes: number; readonly digest: string };
  readonly key: Buffer | undefined;
  /** Command tags, or the error's fields. */
  readonly summary: readonly string[];
  /** The values of the rows that were kept, of all results, masked; fewer than came where `truncated`. */
  readonly cells: readonly (readonly unknown[])[];
  readonly truncated: boolean;
}

export interface RecordedSession {
  readonly sid: string;
  readonly commands: ReadonlyMap<string, RecordedCommand>;
  /** What each connection was for, by its number. */
  readonly connections: ReadonlyMap<number, string>;
  /** How many events of each type. */
  readonly types: ReadonlyMap<string, number>;
  /** Bytes behind the last whole line, which a killed process may leave. */
  readonly tornBytes: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads the session in this folder. Throws where a whole line is not what it should be. */
export function readSession(folder: string): RecordedSession {
  const disclosures = readDisclosures(join(folder, "disclosures.jsonl"));
  const { lines, tornBytes } = readLines(join(folder, "events.jsonl"));
  const commands = new Map<string, RecordedCommand>();
  const connections = new Map<number, string>();
  const types = new Map<string, number>();
  const texts = new Map<number, string | undefined>();
  const textKeys = new Map<number, string | undefined>();
  let sid = "";
  for (const [seq, line] of lines.entries()) {
    const event = fieldsOf(JSON.parse(line));
    if (event["seq"] !== seq) throw new Error(`event ${seq} says that it is ${String(event["seq"])}`);
    const type = textOf(event["type"]);
    const body = fieldsOf(event["body"]);
    const cmd = textOf(body["cmd"]);
    sid = textOf(event["sid"]);
    types.set(type, (types.get(type) ?? 0) + 1);
    const disclosed = (name: string): unknown => disclosures.get(placeOf(seq, name, body))?.value;
    const disclosure = (name: string): string | undefined => disclosures.get(placeOf(seq, name, body))?.disclosure;
    if (type === "connection.opened") connections.set(numberOf(event["conn"]), textOf(body["purpose"]));
    if (type === "command.seen") {
      const textAt = numberOf(body["textOf"]);
      const text = textAt >= 0 ? texts.get(textAt) : (disclosed("text") as string | undefined);
      texts.set(seq, text);
      // The key of the digest: the disclosure of the text here, else of the first parameter, else of the text elsewhere.
      const textDisclosure = textAt >= 0 ? textKeys.get(textAt) : disclosure("text");
      textKeys.set(seq, textDisclosure);
      const key = textAt >= 0 ? (disclosure("params") ?? textDisclosure) : textDisclosure;
      const values = listOf(body["params"]).map(
        (each, index) => disclosures.get(`/${seq}/body/params/${index} ${digestIn([each])}`)?.value,
      );
      commands.set(cmd, {
        id: cmd,
        connection: numberOf(event["conn"]),
        digest: textOf(body["digest"]),
        bytes: numberOf(body["bytes"]),
        effects: listOf(body["effects"]).map(textOf),
        key: key === undefined ? undefined : Buffer.from(key, "latin1"),
        text,
        params: values.filter((value) => typeof value === "string"),
        values,
        decision: "",
        ruling: "",
        cause: "",
        returned: [],
      });
    }
    const command = commands.get(cmd);
    if (command === undefined) continue;
    if (type === "command.decided") command.decision = textOf(body["decision"]);
    if (type === "command.settled") {
      command.ruling = textOf(body["ruling"]);
      command.cause = textOf(body["cause"]);
    }
    if (type === "command.returned") {
      const copied = fieldsOf(body["copied"]);
      const response = disclosed("response");
      command.returned.push({
        execution: numberOf(body["execution"]),
        outcome: textOf(body["outcome"]),
        code: textOf(body["code"]),
        rows: numberOf(body["rows"]),
        bytes: numberOf(body["bytes"]),
        digest: textOf(body["digest"]),
        copied: { bytes: numberOf(copied["bytes"]), digest: textOf(copied["digest"]) },
        key: response === undefined ? undefined : keyOf(fieldsOf(response)["key"]),
        summary: response === undefined ? [] : listOf(fieldsOf(response)["summary"]).map(textOf),
        cells: listOf(fieldsOf(response)["results"]).flatMap((each) => listOf(fieldsOf(each)["rows"]).map(listOf)),
        truncated: body["truncated"] === true,
      });
    }
  }
  return { sid, commands, connections, types, tornBytes };
}

// By pointer and digest: a disclosure opens only the place that it belongs to.
function readDisclosures(file: string): ReadonlyMap<string, { readonly value: unknown; readonly disclosure: string }> {
  const opened = new Map<string, { readonly value: unknown; readonly disclosure: string }>();
  for (const line of existsSync(file) ? readLines(file).lines : []) {
    const entry = fieldsOf(JSON.parse(line));
    const disclosure = textOf(entry["disclosure"]);
    const digest = createHash("sha256").update(disclosure).digest("base64url");
    if (digest !== entry["digest"]) throw new Error(`${file}: a disclosure does not have the digest beside it`);
    const pair = listOf(JSON.parse(Buffer.from(disclosure, "base64url").toString("utf8")));
    opened.set(`${textOf(entry["ptr"])} ${digest}`, { value: pair[1], disclosure });
  }
  return opened;
}

/** Whole lines only: what stands behind the last newline was being written when the process ended. */
function readLines(file: string): { readonly lines: readonly string[]; readonly tornBytes: number } {
  const bytes = readFileSync(file);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const text = bytes.toString("utf8", 0, end);
  return { lines: text.split("\n").slice(0, -1), tornBytes: bytes.length - end };
}

function placeOf(seq: number, name: string, body: Fields): string {
  return `/${seq}/body/${name}/0 ${digestIn(body[name])}`;
}

function digestIn(value: unknown): string {
  const first = listOf(value)[0];
  return first === undefined ? "" : textOf(fieldsOf(first)["..."]);
}

function keyOf(value: unknown): Buffer | undefined {
  return typeof value === "string" ? Buffer.from(value, "base64url") : undefined;
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? (value as Fields) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : -1;
}
