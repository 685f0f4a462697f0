/**
 * Held commands in the terminal of `countersign run`: one after the other, each shown compactly and answered with a key.
 *
 * It is one surface beside the page: whoever answers first ends the other's prompt. It shows only what the display
 * model made visible, so no text of a job reaches the terminal as a control sequence.
 */
import { createInterface, type Interface } from "node:readline";
import { type RequestView, type Span, type Tone } from "../../approval/display.ts";
import { viewAsked } from "../../approval/plan-view.ts";
import type { ApprovalRequest, PlanRequest } from "../../approval/ports.ts";
import { DeskError } from "./call.ts";
import type { DeskClient } from "./client.ts";

interface TerminalStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  /** True for a real terminal, whose keys (Ctrl-C, editing a line) are then read here. */
  readonly terminal: boolean;
  /** Colour is for a terminal, and only where NO_COLOR is not set, or set to nothing (no-color.org). */
  readonly colour: boolean;
}

export interface TerminalOptions {
  readonly desk: Pick<DeskClient, "answer" | "standing">;
  readonly streams: TerminalStreams;
  /** Where the page is, said once with the first prompt. */
  readonly pageUrl: string;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Ctrl-C at a prompt: the person wants out. The caller ends the run. */
  readonly onInterrupt: () => void;
}

export interface TerminalDesk {
  /** Queues a request that was submitted to the desk. Returns at once. */
  show(request: ApprovalRequest | PlanRequest): void;
  /** Ends the prompt and forgets the queue. Nothing is answered by it. */
  close(): void;
}

/** Text lines shown before `[s]how all` is asked for; what is left out is counted. */
const LINES_SHOWN = 12;
const WAIT_SECONDS = 25;

const COLOURS = { bold: "1", dim: "2", red: "31", yellow: "33", green: "32" } as const;
type Paint = (colour: keyof typeof COLOURS, text: string) => string;

/** Opens the prompts. Nothing is read from `input` until the first request is shown. */
export function openTerminalDesk(options: TerminalOptions): TerminalDesk {
  const { input, output, terminal, colour } = options.streams;
  const paint: Paint = (name, text) => (colour ? `\u001B[${COLOURS[name]}m${text}\u001B[0m` : text);
  const stopped = new AbortController();
  let lines: Interface | undefined;
  let turn = Promise.resolve();
  let shown = 0;

  const open = (): Interface => {
    if (lines === undefined) {
      lines = createInterface({ input, output, terminal });
      lines.on("SIGINT", options.onInterrupt);
      // End of input is no answer: the page is still there, and time runs.
      lines.once("close", () => stopped.abort());
    }
    return lines;
  };

  const next = async (before: Promise<void>, what: Omit<Prompt, "lines" | "stopped">): Promise<void> => {
    await before;
    try {
      if (!stopped.signal.aborted) {
        await prompt({ ...what, lines: open(), stopped: stopped.signal });
      }
    } catch (error) {
      // The prompt is one surface of two; when it fails nothing is answered here, and silence refuses.
      output.write(`countersign: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  };

  return {
    show(request) {
      shown += 1;
      turn = next(turn, { ...options, request, paint, first: shown === 1 });
    },
    close() {
      stopped.abort();
      lines?.close();
    },
  };
}

interface Prompt extends TerminalOptions {
  readonly request: ApprovalRequest | PlanRequest;
  readonly paint: Paint;
  readonly lines: Interface;
  readonly stopped: AbortSignal;
  readonly first: boolean;
}

async function prompt(at: Prompt): Promise<void> {
  const { output } = at.streams;
  const view = viewAsked(at.request);
  const ended = new AbortController();
  const over = AbortSignal.any([ended.signal, at.stopped]);
  const ending = untilEnded(at, ended, over);
  output.write(`\n${summary(at, view, { whole: false })}`);
  try {
    let word = await ask(at, `${choices(at.paint)} `, over);
    while (word !== "a" && word !== "d") {
      output.write(word === "s" ? summary(at, view, { whole: true }) : "Type a, d or s.\n");
      word = await ask(at, `${choices(at.paint)} `, over);
    }
    // Says again what is answered: a request that ended elsewhere may have put another in the place that was looked at.
    const what = `${word === "a" ? "Approving" : "Denying"}: ${view.headline}.`;
    const reason = await ask(at, `${what} Why, for the record (optional, Enter answers): `, over);
    const answer = word === "a" ? "approve" : "refuse";
    ended.abort();
    output.write(
      `${await at.desk.answer({ id: view.id, digest: view.digest, answer, reason: reason.slice(0, 1000) })}\n`,
    );
  } catch (error) {
    if (error instanceof DeskError) {
      output.write(`${error.message}\n`);
    } else if (!over.aborted) {
      throw error;
    }
  } finally {
    ended.abort();
    const elsewhere = await ending;
    if (elsewhere !== "") {
      // What was typed was meant for this request and is no answer to the next.
      if (at.streams.terminal) {
        at.lines.write(null, { ctrl: true, name: "u" });
      }
      output.write(`\n${elsewhere}\n`);
    }
  }
}

// Watches the request while the prompt stands, and ends the prompt when it was answered elsewhere. Gives what to say.
async function untilEnded(at: Prompt, ended: AbortController, over: AbortSignal): Promise<string> {
  while (!isOver(over)) {
    try {
      const standing = await at.desk.standing(at.request.id, WAIT_SECONDS, over);
      if (standing.state === "answered" && !isOver(over)) {
        ended.abort();
        const { answer, by } = standing.answered;
        return by.length === 0
          ? `Request ${at.request.id}: ${answer}.`
          : `Request ${at.request.id}: ${answer} by ${by.map((each) => `${each.login} ${each.via === "page" ? "on the page" : `in the ${each.via}`}`).join(", ")}.`;
      }
    } catch (error) {
      if (!isOver(over)) {
        ended.abort();
        return error instanceof Error ? error.message : String(error);
      }
    }
  }
  return "";
}

// A signal changes while something is awaited, which a plain read of its flag does not say.
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function ask(at: Prompt, question: string, over: AbortSignal): Promise<string> {
  return await new Promise<string>((resolve, reject) => {
    const leave = (): void => reject(new Error("the prompt ended"));
    if (over.aborted) {
      leave();
      return;
    }
    over.addEventListener("abort", leave, { once: true });
    at.lines.question(question, { signal: over }, (line) => {
      over.removeEventListener("abort", leave);
      resolve(line.trim());
    });
  });
}

function choices(paint: Paint): string {
  return `${paint("bold", "[a]")}pprove once / ${paint("bold", "[d]")}eny / ${paint("bold", "[s]")}how all, then Enter:`;
}

function summary(at: Prompt, view: RequestView, { whole }: { readonly whole: boolean }): string {
  const { paint } = at;
  const seconds = Math.max(0, Math.ceil((Date.parse(view.expiresAt) - at.clock()) / 1000));
  const facts = view.facts.filter((each) => whole || SHORT.has(each.label));
  const text = plain(view.text).split("\n");
  const cut = whole ? 0 : Math.max(0, text.length - LINES_SHOWN);
  const rows = [
    `${paint("yellow", "Held")}  ${paint("bold", `${view.headline} on ${view.target}`)}  [${view.chips.map((each) => tinted(paint, each.tone, each.effect)).join(" ")}]`,
    ...view.warnings.map((each) => `  ${paint("yellow", "!")} ${each}`),
    ...facts.map((each) => `  ${paint("dim", each.label.padEnd(11))} ${tinted(paint, each.tone, oneLine(each.value))}`),
    ...text.slice(0, text.length - cut).map((each) => `  ${paint("dim", "|")} ${each}`),
    ...(cut > 0 ? [`  ${paint("yellow", `| ${cut} more lines: [s]how all, or read them on the page`)}`] : []),
    ...parameters(view, whole).map((each) => `  ${paint("dim", "$")} ${each}`),
    `  ${paint("dim", `request ${view.id}, digest ${view.digestHead}, ${view.bytes} bytes; refused in ${seconds} s if nobody answers`)}`,
    ...(at.first ? [`  ${paint("dim", `also on ${at.pageUrl}`)}`] : []),
  ];
  return `${rows.join("\n")}\n`;
}

// What decides most answers; the rest comes with `[s]how all`.
const SHORT: ReadonlySet<string> = new Set(["Reach", "Rows", "Rule", "Asked by"]);
const PARAMS_SHORT = 5;

function parameters(view: RequestView, whole: boolean): readonly string[] {
  const shown = whole ? view.params : view.params.slice(0, PARAMS_SHORT);
  const hidden = view.params.length + view.paramsHidden - shown.length;
  const rows = shown.map((each) => `${each.position} ${each.value === null ? "NULL" : oneLine(plain(each.value))}`);
  return hidden > 0 ? [...rows, `${hidden} more parameters are not shown; the answer covers them too`] : rows;
}

function plain(spans: readonly Span[]): string {
  return spans.map((each) => each.text).join("");
}

function oneLine(text: string): string {
  return text.replaceAll("\n", "\\n");
}

function tinted(paint: Paint, tone: Tone, text: string): string {
  return tone === "danger" ? paint("red", text) : tone === "warn" ? paint("yellow", text) : text;
}
