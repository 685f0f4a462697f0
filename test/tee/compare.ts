// Does the recording equal the wire? Holds what a tee saw against what the journal says, command by command, and says
// in words where they differ. What counts as one command, and which bytes identify it, is `identity` in decode.ts.

import { createHash } from "node:crypto";
import type { WireCommand, WireConnection, WireExecution } from "./decode.ts";
import type { RecordedCommand, RecordedReturn, RecordedSession } from "./journal.ts";

export interface Comparison {
  /** Every disagreement, as a sentence. Empty when the recording equals the wire. */
  readonly differences: readonly string[];
  /** How much was held against each other: a comparison of nothing agrees too. */
  readonly commands: number;
  readonly executions: number;
  readonly refused: number;
}

/** Compares everything that was on the wire with everything that was recorded. */
export function compare(seen: readonly WireConnection[], session: RecordedSession): Comparison {
  const wire = seen.map(withoutLogInQuestion);
  const differences: string[] = [];
  const recordedOf = (number: number): readonly RecordedCommand[] =>
    [...session.commands.values()].filter((command) => command.connection === number);
  const numbers = [...session.connections.keys()];
  const recorded = numbers.map(recordedOf);
  const unmatched = new Set(wire.filter((each) => each.kind === "session"));
  let executions = 0;
  for (const commands of recorded) {
    const released = commands.filter(({ ruling }) => ruling === "release");
    const first = released[0];
    if (first === undefined) continue;
    const connection = [...unmatched].find((each) => isSame(first, each.commands[0]));
    if (connection === undefined) {
      differences.push(`connection ${first.connection}: no connection on the wire begins with its first command`);
      continue;
    }
    unmatched.delete(connection);
    executions += compareConnection(connection, released, differences);
    const refused = commands.filter(({ ruling }) => ruling === "refuse").length;
    // Fewer where the server had failed before it in the pipeline: then it ignores what follows, and nothing is sent.
    if (connection.substitutes > refused) {
      differences.push(
        `connection ${first.connection}: ${refused} refused, ${connection.substitutes} substitutes sent`,
      );
    }
  }
  for (const { commands } of unmatched) {
    if (commands.length > 0)
      differences.push(`a connection on the wire has ${commands.length} commands, and no record`);
  }
  for (const { oddities } of wire) differences.push(...oddities);
  for (const command of session.commands.values()) {
    if (command.ruling === "") differences.push(`${command.id} was never settled`);
    if (command.ruling === "refuse" && command.returned.length > 0)
      differences.push(`${command.id} was refused and ran`);
  }
  const all = [...session.commands.values()];
  return {
    differences,
    commands: all.filter(({ ruling }) => ruling === "release").length,
    executions,
    refused: all.filter(({ ruling }) => ruling === "refuse").length,
  };
}

/** The gateway asks this once, before the client's first command; the answer is in `connection.opened`. */
const LOG_IN_QUESTION = "SELECT pg_catalog.current_setting('search_path')";

function withoutLogInQuestion(connection: WireConnection): WireConnection {
  const [first, ...rest] = connection.commands;
  return first !== undefined && textOf(first) === LOG_IN_QUESTION ? { ...connection, commands: rest } : connection;
}

function compareConnection(wire: WireConnection, released: readonly RecordedCommand[], differences: string[]): number {
  let executions = 0;
  // Released while something before it in the pipeline failed: whether it is still sent is a matter of who was faster, and
  // the server ignores it.
  const left = released.filter((command) => !isUnsent(command, wire));
  for (const [index, sent] of wire.commands.entries()) {
    const command = left[index];
    if (command === undefined) {
      differences.push(`sent, and not recorded as released: ${described(sent)}`);
      continue;
    }
    if (!isSame(command, sent))
      differences.push(`${command.id}: its digest is not that of what was sent: ${described(sent)}`);
    const bytes = sent.identity.reduce((sum, each) => sum + each.length, 0);
    if (!sent.ignored && command.bytes !== bytes)
      differences.push(`${command.id}: ${command.bytes} bytes recorded, ${bytes} sent`);
    if (command.text !== undefined && sent.kind !== "execute" && command.text !== textOf(sent)) {
      differences.push(`${command.id}: the recorded text is not the one that was sent: ${described(sent)}`);
    }
    compareParams(command, sent, differences);
    executions += compareReturns(command, sent, differences);
  }
  for (const command of left.slice(wire.commands.length)) {
    differences.push(`${command.id} is recorded as released, and was not sent`);
  }
  return executions;
}

/** More parameters than this are recorded as one list. */
const PARAMS_EACH_MAX = 64;

function compareParams(command: RecordedCommand, sent: WireCommand, differences: string[]): void {
  if (sent.params.length > PARAMS_EACH_MAX) return;
  if (command.values.length !== sent.params.length) {
    differences.push(`${command.id}: ${command.values.length} parameters recorded, ${sent.params.length} sent`);
  }
  for (const [index, value] of sent.params.entries()) {
    if (!isShown(command.values[index], value, formatOf(sent.paramFormats, index)))
      differences.push(`${command.id}: parameter ${index + 1} is recorded as another: ${described(sent)}`);
  }
}

function compareCells(
  { id }: RecordedCommand,
  recorded: RecordedReturn,
  run: WireExecution,
  formats: readonly number[],
): string[] {
  const kept = recorded.cells.length;
  const whole = recorded.truncated ? kept <= run.cells.length : kept === run.cells.length;
  if (!whole) return [`${id}, execution ${run.number}: ${kept} rows of values recorded, ${run.cells.length} came back`];
  const wrong = recorded.cells.findIndex((row, at) => {
    const came = run.cells[at] ?? [];
    return (
      row.length !== came.length || !came.every((cell, index) => isShown(row[index], cell, formatOf(formats, index)))
    );
  });
  return wrong === -1 ? [] : [`${id}, execution ${run.number}: row ${wrong + 1} is recorded with other values`];
}

/** A text is recorded as it was; of a binary value only that there is one, for this reader knows no types. */
function isShown(recorded: unknown, sent: Buffer | null, format: number): boolean {
  if (sent === null) return recorded === null;
  return format === 0 ? recorded === sent.toString("utf8") : typeof recorded === "string";
}

function formatOf(formats: readonly number[], index: number): number {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 0;
}

function compareReturns(command: RecordedCommand, sent: WireCommand, differences: string[]): number {
  if (sent.executions.length === 0) {
    const expected = sent.ignored ? "skipped" : "bound";
    const [only, ...more] = command.returned;
    if (only?.outcome !== expected || only.bytes !== 0 || more.length > 0) {
      const found = command.returned.map(({ outcome, bytes }) => `${outcome} ${bytes}`).join(", ");
      differences.push(`${command.id}: was ${expected} on the wire, and is recorded as: ${found || "nothing"}`);
    }
    return 0;
  }
  for (const [index, run] of sent.executions.entries()) {
    const recorded = command.returned[index];
    if (recorded === undefined)
      differences.push(`${command.id}: execution ${run.number} came back, and is not recorded`);
    else {
      compareReturn(command, recorded, run, differences);
      differences.push(...compareCells(command, recorded, run, sent.resultFormats));
    }
  }
  for (const { execution, outcome } of command.returned.slice(sent.executions.length)) {
    differences.push(`${command.id}: execution ${execution} is recorded as ${outcome}, and never came back`);
  }
  return sent.executions.length;
}

function compareReturn(
  { id }: RecordedCommand,
  recorded: RecordedReturn,
  run: WireExecution,
  differences: string[],
): void {
  const expect = (what: string, found: string | number, wanted: string | number): void => {
    if (found !== wanted)
      differences.push(`${id}, execution ${run.number}: ${what} ${found} recorded, ${wanted} on the wire`);
  };
  expect("outcome", recorded.outcome, run.outcome);
  expect("code", recorded.code, run.code);
  expect("rows", recorded.rows, run.rows);
  expect("bytes", recorded.bytes, run.answer.length);
  // A Bind that failed was no execution, whatever its pipelined Executes would have been.
  if (run.number > 0) expect("execution", recorded.execution, run.number);
  expect("digest", recorded.digest, keyed(recorded.key, [run.answer]));
  expect("bytes copied", recorded.copied.bytes, run.copied.length);
  expect(
    "digest of what was copied",
    recorded.copied.digest,
    run.copied.length === 0 ? "" : keyed(recorded.key, [run.copied]),
  );
  if (run.code === "") expect("tags", recorded.summary.join(), run.tags.join());
}

function isUnsent(command: RecordedCommand, { commands }: WireConnection): boolean {
  const [only, ...more] = command.returned;
  const isSkipped = only?.outcome === "skipped" && only.bytes === 0 && more.length === 0;
  return isSkipped && !commands.some((sent) => isSame(command, sent));
}

function isSame(command: RecordedCommand, sent: WireCommand | undefined): boolean {
  return sent !== undefined && command.digest === keyed(command.key, sent.identity);
}

/** base64url(SHA-256(key || bytes)). */
function keyed(key: Buffer | undefined, bytes: readonly Buffer[]): string {
  if (key === undefined) return "a key that was not disclosed";
  return createHash("sha256")
    .update(Buffer.concat([key, ...bytes]))
    .digest("base64url");
}

function textOf(sent: WireCommand): string {
  return Buffer.from(sent.text, "latin1").toString("utf8");
}

function described(sent: WireCommand): string {
  return `${sent.kind} ${JSON.stringify(textOf(sent).slice(0, 80))}`;
}
