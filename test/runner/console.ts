// What the runner does with each line that a step prints: obeys it, if it is a command, or puts it into the log.

import { type Command, parseCommand } from "./command.ts";
import type { Masker } from "./masker.ts";
import type { Annotation } from "./result.ts";

/** More of one level are in the log and are no annotations. */
const ANNOTATIONS_MAX = 10;

const MESSAGE_CHARACTERS_MAX = 4096;

const KNOWN = [
  "add-mask",
  "add-matcher",
  "add-path",
  "debug",
  "echo",
  "endgroup",
  "error",
  "group",
  "notice",
  "remove-matcher",
  "save-state",
  "set-env",
  "set-output",
  "stop-commands",
  "warning",
];

export interface Console {
  /** A line of a step's output. */
  readonly take: (line: string) => void;
  /** A line of the runner's own. */
  readonly write: (text: string) => void;
  readonly annotate: (
    level: Annotation["level"],
    message: string,
    properties?: Readonly<Record<string, string>>,
  ) => void;
  /** A command failed: the step fails, whatever its exit code. */
  readonly hasFailed: boolean;
  fail(message: string): void;
}

export interface ConsoleEnds {
  readonly masker: Masker;
  readonly isDebug: boolean;
  readonly allowsUnsecure: boolean;
  onLine(text: string): void;
  onAnnotation(annotation: Annotation): void;
  onOutput(name: string, value: string): void;
  onState(name: string, value: string): void;
  onEnv(name: string, value: string): void;
  onPath(path: string): void;
  /** What works and should not be used. */
  onProblem(text: string): void;
}

/** A console for one phase of one step: what stops commands in one does not in the next. */
export function createConsole(ends: ConsoleEnds): Console {
  const counts = { error: 0, warning: 0, notice: 0 };
  const known = new Set(KNOWN);
  let stopToken: string | undefined;
  let isEchoing = ends.isDebug;
  let hasFailed = false;
  const write = (text: string): void => ends.onLine(ends.masker.mask(text));
  const annotate: Console["annotate"] = (level, message, properties = {}) => {
    write(`##[${level}]${message}`);
    counts[level] += 1;
    if (counts[level] > ANNOTATIONS_MAX) return;
    const masked = Object.entries(properties).map(([key, value]) => [key, ends.masker.mask(value)] as const);
    ends.onAnnotation({
      level,
      message: ends.masker.mask(message).slice(0, MESSAGE_CHARACTERS_MAX),
      properties: Object.fromEntries(masked),
    });
  };
  const debug = (text: string): void => {
    if (!ends.isDebug) return;
    for (const line of text.split("\n")) write(`##[debug]${line}`);
  };
  const fail = (message: string): void => {
    annotate("error", message);
    hasFailed = true;
  };
  const deprecated = (name: string): void => {
    const text = `The \`${name}\` command is deprecated and will be disabled soon. Please upgrade to using Environment Files.`;
    annotate("warning", text);
    ends.onProblem(text);
  };
  const named = (command: Command): string => {
    const name = command.properties["name"] ?? "";
    if (name === "") throw new Error(`Required field 'name' is missing in ##[${command.name}] command.`);
    return name;
  };
  const unsecure = (name: string): void => {
    if (ends.allowsUnsecure) return;
    throw new Error(
      `The \`${name}\` command is disabled. Please upgrade to using Environment Files or opt into unsecure command execution by setting the \`ACTIONS_ALLOW_UNSECURE_COMMANDS\` environment variable to \`true\`.`,
    );
  };
  const obey = (command: Command): void => {
    switch (command.name) {
      case "add-mask":
        if (command.data.trim() !== "") ends.masker.add(command.data);
        else annotate("warning", "Can't add secret mask for empty string in ##[add-mask] command.");
        return;
      case "debug":
        debug(command.data);
        return;
      case "echo":
        if (!/^(?:on|off)$/i.test(command.data.trim())) {
          throw new Error(
            `Invalid echo command value. Possible values can be: 'on', 'off'. Current value is: '${command.data}'.`,
          );
        }
        isEchoing = /^on$/i.test(command.data.trim());
        return;
      case "error":
      case "warning":
      case "notice":
        annotate(command.name, command.data, command.properties);
        return;
      case "group":
        write(`##[group]${command.data}`);
        return;
      case "endgroup":
        write("##[endgroup]");
        return;
      case "set-output":
        ends.onOutput(named(command), command.data);
        deprecated(command.name);
        return;
      case "save-state":
        ends.onState(named(command), command.data);
        deprecated(command.name);
        return;
      case "set-env":
        unsecure(command.name);
        if (/^NODE_OPTIONS$/i.test(named(command))) {
          annotate("error", "Can't update NODE_OPTIONS environment variable using ::set-env:: command.");
        } else ends.onEnv(named(command), command.data);
        return;
      case "add-path":
        unsecure(command.name);
        ends.onPath(command.data);
        return;
      default:
        throw new Error(`this runner for tests plays no ${command.name}`);
    }
  };
  const takeCommand = (line: string): boolean => {
    const command = parseCommand(line, known);
    if (command === undefined) return false;
    if (stopToken !== undefined) {
      if (command.name !== stopToken) return false;
      known.delete(stopToken);
      stopToken = undefined;
      write(line);
      return true;
    }
    const isSilent = /^(?:add-mask|debug|error|warning|notice)$/.test(command.name);
    try {
      if (command.name === "stop-commands") {
        const token = command.data.toLowerCase();
        if (token === "" || known.has(token)) {
          throw new Error(`Invalid stop-commands token '${command.data}': it is empty or a command.`);
        }
        stopToken = token;
        known.add(token);
        write(line);
        return true;
      }
      if (isEchoing && !isSilent) write(line);
      obey(command);
    } catch (error) {
      fail(`Unable to process command '${isSilent ? command.name : line}' successfully.`);
      fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  };
  return {
    take(line) {
      if (!takeCommand(line)) write(line);
    },
    write,
    annotate,
    get hasFailed() {
      return hasFailed;
    },
    fail,
  };
}
