/**
 * The App's log: JSON lines for operators. What must not be in it cannot get in: fields are short texts, numbers and flags;
 * what is named or looks like a secret is taken out; and of what libraries log, only the name and status of an error is kept,
 * for their errors carry whole webhooks.
 */

import { type DestinationStream, type Logger, pino } from "pino";
import type { LogLevel } from "./config.ts";
import type { Log } from "./context.ts";

type Fields = Readonly<Record<string, string | number | boolean>>;

export interface Logs {
  readonly log: Log;
  /** The same log, for Probot and Octokit. */
  readonly library: Logger;
}

const TEXT_CHARACTERS_MAX = 500;
const SECRET_NAME = /token|secret|password|authori[sz]ation|signature|cookie|credential|private|jwe/i;
/** GitHub's tokens, JWTs, PEM, passwords in URLs, one-time links. */
const SECRET_LOOKS =
  /gh[a-z]_[\w.-]{10,}|github_pat_\w+|ey[\w-]{10,}\.[\w-]+|-----BEGIN[\s\S]*|(?<=:\/\/)[^\s/@]*:[^\s/@]*(?=@)|(?<=[?&](?:token|code|state)=)[^&\s]+/g;

/** Opens the log on a stream; standard output unless said. */
export function openLogs(level: LogLevel, destination?: DestinationStream): Logs {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const to = destination ?? pino.destination({ dest: 1, sync: true });
  const own = pino(options, to);
  const library = pino(
    {
      ...options,
      hooks: {
        logMethod(args: readonly unknown[], method) {
          method.call(this, errorFields(args[0]), libraryMessage(args));
        },
      },
    },
    to,
  );
  return {
    log: {
      info: (fields, message) => own.info(safe(fields), scrubbed(message)),
      warn: (fields, message) => own.warn(safe(fields), scrubbed(message)),
      error: (fields, message) => own.error(safe(fields), scrubbed(message)),
    },
    library: library.child({ by: "probot" }),
  };
}

/** What of an error may be logged: its name, its code, and where in the code it arose, but none of its words. */
export function errorFields(error: unknown): Fields {
  if (!(error instanceof Error)) return {};
  const code = "code" in error && typeof error.code === "string" ? { code: scrubbed(error.code) } : {};
  const status = "status" in error && typeof error.status === "number" ? { status: error.status } : {};
  const first = error instanceof AggregateError ? errorFields(error.errors[0]) : {};
  const cause = error.cause instanceof Error ? { cause: error.cause.name } : {};
  return { ...first, error: error.name, ...code, ...status, ...cause, at: placeOf(error) };
}

/** The innermost places of an error's stack. Its message stands before them, and may look like them. */
function placeOf(error: Error): string {
  const stack = error.stack ?? "";
  const at = stack.indexOf(error.message);
  if (at === -1) return "";
  const lines = stack.slice(at + error.message.length).split("\n");
  const places = lines.flatMap((line) => /^ {4}at .*?([\w.-]+:\d+):\d+\)?$/.exec(line)?.[1] ?? []);
  return places.slice(0, 3).join(" < ");
}

function safe(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (SECRET_NAME.test(name)) return [name, "[taken out]"];
      return [name, typeof value === "string" ? scrubbed(value) : value];
    }),
  );
}

function scrubbed(text: string): string {
  return text.replaceAll(SECRET_LOOKS, "[taken out]").slice(0, TEXT_CHARACTERS_MAX);
}

// A library's texts beside an object are its own words; an error's message is somebody else's.
function libraryMessage([first, second]: readonly unknown[]): string {
  if (typeof first === "string") return scrubbed(first);
  return typeof second === "string" ? scrubbed(second) : "a library reports an error";
}
