import { parseArgs } from "node:util";
import { ConfigError } from "../config/config-error.ts";
import { readPolicy } from "../config/policy-file.ts";
import { openSqlReader } from "../languages/sql/reader.ts";
import type { Reading, SqlReader } from "../languages/sql/reading.ts";
import { EMPTY_SESSION, TakenSession } from "../languages/sql/taken-session.ts";
import type { Decision } from "../model/decision.ts";
import { type CompiledPolicy, compile, decide } from "../policy/decide.ts";
import type { Facts } from "../policy/facts.ts";
import type { Policy } from "../policy/policy.ts";

// `countersign explain`: says what a text would do and what a policy would decide, by the same code that the gateway
// uses. It connects to nothing.

export interface ExplainIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  out(line: string): void;
  err(line: string): void;
  /** The whole file as text; throws when it cannot be read. */
  readFile(path: string): string;
}

/** A line or a text longer than this is no command: the reader itself stops at a sixteenth of it. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024;

const USAGE = `usage: countersign explain --protocol postgres [--policy FILE [--target NAME]] [--json] [TEXT]
       countersign explain --protocol postgres [--policy FILE [--target NAME]] --jsonl

Says what a command would do; nothing is connected to and nothing runs. Without TEXT it is read from standard input.
  --policy FILE   also say what this policy would decide
  --target NAME   the target the policy knows it by; needed where the policy has several of that protocol
  --json          one JSON object instead of text for people
  --jsonl         read lines {"id", "input"} (or "input_b64", exact bytes), write one JSON object for each, in order;
                  "setup": statements taken as done on the same connection before it`;

/** The person used the command wrongly; the message says what would be right. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * `args` are those behind the word `explain`. Resolves to the exit code: 0 when all was explained, 2 for wrong use
 * (an unknown option, an unreadable policy, a line that is not JSON), with the reason on `err`.
 */
export async function explain(args: readonly string[], io: ExplainIo): Promise<number> {
  try {
    const options = readOptions(args);
    if (options.help) {
      io.out(USAGE);
      return 0;
    }
    const judge = options.policy === undefined ? undefined : judgeOf(options.policy, options.target, io);
    const reader = await openSqlReader();
    if (options.jsonl) {
      for await (const { line, number } of linesOf(io.stdin)) io.out(answerLine(line, number, { reader, judge }));
      return 0;
    }
    const text = options.text ?? decode(await wholeOf(io.stdin));
    const reading = reader.read(text, EMPTY_SESSION);
    const decision = judge?.(reading);
    if (options.json) io.out(JSON.stringify(asJson(undefined, reading, decision)));
    else for (const line of asText(reading, decision)) io.out(line);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) io.err(`countersign explain: ${error.message}`);
    else if (error instanceof ConfigError) io.err(error.message);
    else throw error;
    return 2;
  }
}

interface Options {
  readonly help: boolean;
  readonly json: boolean;
  readonly jsonl: boolean;
  readonly policy: string | undefined;
  readonly target: string | undefined;
  readonly text: string | undefined;
}

function readOptions(args: readonly string[]): Options {
  const { values, positionals } = parsed(args);
  const help = values.help ?? false;
  if (!help && values.protocol === undefined) throw new UsageError("say which language it is: --protocol postgres");
  if (!help && values.protocol !== "postgres") {
    throw new UsageError(`"${values.protocol}" cannot be explained yet; --protocol takes postgres`);
  }
  if (positionals.length > 1)
    throw new UsageError("more than one text: put it in quotes, or send it to standard input");
  const jsonl = values.jsonl ?? false;
  if (jsonl && positionals.length > 0) throw new UsageError("--jsonl reads standard input and takes no TEXT");
  if (values.target !== undefined && values.policy === undefined)
    throw new UsageError("--target says nothing without --policy");
  return {
    help,
    json: values.json ?? false,
    jsonl,
    policy: values.policy,
    target: values.target,
    text: positionals[0],
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        jsonl: { type: "boolean" },
        policy: { type: "string" },
        protocol: { type: "string" },
        target: { type: "string" },
      },
    });
  } catch (cause) {
    // Only parseArgs itself speaks here, and its messages name the option.
    throw new UsageError(`${cause instanceof Error ? cause.message : "bad options"}\n${USAGE}`, { cause });
  }
}

type Judge = (reading: Reading) => Decision;

function judgeOf(file: string, target: string | undefined, io: ExplainIo): Judge {
  const policy = readPolicy(fileText(file, io), file);
  const compiled: CompiledPolicy = compile(policy);
  const facts: Facts = {
    target: targetOf(policy, target),
    protocol: "postgres",
    branch: "",
    environment: "",
    event: "",
    actor: "",
  };
  return (reading) => decide(reading, facts, compiled);
}

function fileText(file: string, io: ExplainIo): string {
  try {
    return io.readFile(file);
  } catch (cause) {
    throw new UsageError(
      `the policy ${file} cannot be read: ${cause instanceof Error ? cause.message : "no reason given"}`,
      {
        cause,
      },
    );
  }
}

function targetOf(policy: Policy, wanted: string | undefined): string {
  const names = [...policy.targets.values()].filter((each) => each.protocol === "postgres").map((each) => each.name);
  const named = names.length === 0 ? "none" : names.join(", ");
  if (wanted !== undefined) {
    if (names.includes(wanted)) return wanted;
    throw new UsageError(`${policy.file} has no postgres target "${wanted}"; it has ${named}`);
  }
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new UsageError(
    only === undefined
      ? `${policy.file} has no target with protocol postgres`
      : `say which target is meant: --target, one of ${named}`,
  );
}

interface Answering {
  readonly reader: SqlReader;
  readonly judge: Judge | undefined;
}

function answerLine(line: string, number: number, { reader, judge }: Answering): string {
  const asked = readLine(line, number);
  const session = new TakenSession();
  for (const each of asked.setup) session.take(reader.read(each, session).statements);
  const reading = reader.read(asked.text, session);
  return JSON.stringify(asJson(asked.id, reading, judge?.(reading)));
}

interface Asked {
  readonly id: string | number | null;
  readonly text: string;
  readonly setup: readonly string[];
}

/** Keys that are not known here are left alone, so that files of cases can be read as they are. */
function readLine(line: string, number: number): Asked {
  const value = fieldsOf(line, number);
  const { id, input, input_b64: bytes, setup } = value;
  if (typeof bytes !== "string" && typeof input !== "string") {
    throw new UsageError(`line ${number} has neither "input" nor "input_b64" with text in it`);
  }
  const text =
    typeof bytes === "string" ? decode(Buffer.from(bytes, "base64")) : typeof input === "string" ? input : "";
  const before: unknown[] = Array.isArray(setup) ? setup : [];
  return {
    id: typeof id === "string" || typeof id === "number" ? id : null,
    text,
    setup: before.filter((each) => typeof each === "string"),
  };
}

interface LineFields {
  readonly id?: unknown;
  readonly input?: unknown;
  readonly input_b64?: unknown;
  readonly setup?: unknown;
}

function fieldsOf(line: string, number: number): LineFields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new UsageError(`line ${number} is not JSON; each line is one object {"id": ..., "input": ...}`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(`line ${number} is not a JSON object; each line is one object {"id": ..., "input": ...}`);
  }
  return value;
}

/** Bytes that are not UTF-8 become a text that no reader accepts: the server would not take them either. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "\0";
  }
}

function asJson(id: string | number | null | undefined, reading: Reading, decision: Decision | undefined): object {
  return {
    ...(id === undefined ? {} : { id }),
    effects: reading.effects,
    objects: reading.objects,
    bounded: reading.bounded,
    ...(id === undefined ? { why: reading.why } : {}),
    ...(decision === undefined ? {} : { decision: decision.kind, rule: decision.reason.rule }),
    ...(decision === undefined || id !== undefined ? {} : { message: decision.reason.message }),
  };
}

function asText(reading: Reading, decision: Decision | undefined): string[] {
  const lines = [
    `effects   ${reading.effects.join(", ")}`,
    `objects   ${reading.objects.length === 0 ? "(none that could be told)" : reading.objects.map(visible).join(", ")}`,
    `bounded   ${reading.bounded ? "yes" : "no: no condition limits how much it changes"}`,
  ];
  for (const reason of reading.why) lines.push(`because   ${visible(reason)}`);
  if (decision !== undefined) {
    lines.push(`decision  ${decision.kind}, by rule ${visible(decision.reason.rule)}`);
    if (decision.reason.message !== "") lines.push(`          ${visible(decision.reason.message)}`);
  }
  return lines;
}

/** Names come from the text: nothing in them may move a terminal's cursor or turn its writing around. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`);
}

async function wholeOf(stdin: ExplainIo["stdin"]): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    length += chunk.length;
    if (length > INPUT_BYTES_MAX) throw new UsageError(`the text is longer than ${INPUT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The lines of the input that are not blank, with their numbers from 1. */
async function* linesOf(stdin: ExplainIo["stdin"]): AsyncGenerator<{ readonly line: string; readonly number: number }> {
  let rest: Uint8Array = new Uint8Array(0);
  let number = 0;
  const numbered = (bytes: Uint8Array) => {
    number += 1;
    return { line: lineText(bytes, number), number };
  };
  for await (const chunk of stdin) {
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const next = numbered(Buffer.concat([rest, chunk.subarray(from, end)]));
      rest = new Uint8Array(0);
      from = end + 1;
      if (next.line.trim() !== "") yield next;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
    if (rest.length > INPUT_BYTES_MAX)
      throw new UsageError(`line ${number + 1} is longer than ${INPUT_BYTES_MAX} bytes`);
  }
  const last = numbered(rest);
  if (last.line.trim() !== "") yield last;
}

function lineText(bytes: Uint8Array, number: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError(`line ${number} is not UTF-8; put the exact bytes in "input_b64"`, { cause });
  }
}
