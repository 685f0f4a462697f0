/**
 * The life of one request from asked to used: which states follow which, and when an approval releases its command.
 *
 * `count.ts` says what people's words add up to; this makes it final. An answer never changes, and an approval releases
 * once: the exact bytes it was given for, in the session that asked, while those who gave it still may.
 */
import type { Answer } from "../model/decision.ts";

/** What an approval is bound to. Any difference makes it another command, which nobody approved. */
interface Bound {
  readonly request: string;
  readonly sid: string;
  readonly target: string;
  readonly digest: string;
  readonly policy: string;
  readonly headSha: string;
}

/**
 * `used` and `void` come after `approved` alone: its command was released, or can never be any more. The other ends are
 * final as they are.
 */
export type LifeState = "pending" | Answer | "used" | "void";

/** The whole state of one request. Times are milliseconds since 1970 by the countersigner's clock. */
export interface Life {
  readonly state: LifeState;
  readonly bound: Bound;
  /** The first moment at which an answer comes too late. */
  readonly deadlineMs: number;
  /** When it was answered, or came to its end without; 0 while pending. */
  readonly answeredAtMs: number;
}

/** What can happen to a request. */
export type Happening =
  | { readonly kind: "counted"; readonly outcome: "pending" | Answer; readonly atMs: number }
  | { readonly kind: "time"; readonly atMs: number }
  /** Its client cancelled or left, or its job or session ended. */
  | { readonly kind: "withdrawn"; readonly atMs: number }
  /**
   * Its gateway is about to send the bytes. `recheckedAtMs` is when it was last found that those who approved still may,
   * `failed` when they may not or nobody could tell, `none` when nobody looked since they approved.
   */
  | {
      readonly kind: "release";
      readonly bound: Bound;
      readonly recheckedAtMs: number | "failed" | "none";
      readonly atMs: number;
    };

/** What follows. `recheck`: look again whether those who approved still may, and ask again. */
export interface Step {
  readonly life: Life;
  readonly effect: "none" | "release" | "recheck";
  /** Why nothing is released, or why it had no effect, in a sentence; empty where there is nothing to say. */
  readonly why: string;
}

// within a minute nobody loses a right and has a command run by it unnoticed.
const RECHECK_AFTER_MS = 60_000;

/** A request that was just asked. */
export function beginLife(bound: Bound, deadlineMs: number): Life {
  return { state: "pending", bound, deadlineMs, answeredAtMs: 0 };
}

/** The one transition. Total: everything may happen in every state, and what does not belong there changes nothing. */
export function happen(life: Life, happening: Happening): Step {
  switch (happening.kind) {
    case "counted":
      return counted(life, happening.outcome, happening.atMs);
    case "time":
      return counted(life, "pending", happening.atMs);
    case "withdrawn":
      return withdrawn(life, happening.atMs);
    case "release":
      return release(life, happening);
  }
}

function counted(life: Life, outcome: "pending" | Answer, atMs: number): Step {
  if (life.state !== "pending") {
    const why = outcome === "pending" ? "" : `This request is already ${life.state}: the answer had no effect.`;
    return { life, effect: "none", why };
  }
  // Whatever was counted, time that is up approves nothing any more.
  const end = atMs < life.deadlineMs || outcome === "refused" || outcome === "withdrawn" ? outcome : "expired";
  return { life: end === "pending" ? life : { ...life, state: end, answeredAtMs: atMs }, effect: "none", why: "" };
}

function withdrawn(life: Life, atMs: number): Step {
  switch (life.state) {
    case "pending":
      return { life: { ...life, state: "withdrawn", answeredAtMs: atMs }, effect: "none", why: "" };
    case "approved":
      // It was answered, so that stays; what it was an answer to is gone.
      return ended(life, "Its client is gone: nothing is released.");
    case "refused":
    case "expired":
    case "withdrawn":
    case "used":
    case "void":
      return { life, effect: "none", why: "" };
  }
}

function release(life: Life, { bound, recheckedAtMs, atMs }: Extract<Happening, { readonly kind: "release" }>): Step {
  if (life.state !== "approved") {
    const why =
      life.state === "used"
        ? "This approval was used already: one approval releases once. Ask again."
        : `This request is ${life.state}: nothing is released.`;
    return { life, effect: "none", why };
  }
  const other = differences(life.bound, bound);
  if (other.length > 0) {
    return ended(life, `This is not what was approved: other ${other.join(", ")}. Ask again.`);
  }
  if (recheckedAtMs === "failed") {
    return ended(life, "Those who approved may not answer any more, or nobody could tell. Ask again.");
  }
  const checkedAtMs = recheckedAtMs === "none" ? life.answeredAtMs : Math.max(recheckedAtMs, life.answeredAtMs);
  const age = atMs - checkedAtMs;
  if (!(age >= 0 && age <= RECHECK_AFTER_MS)) {
    return { life, effect: "recheck", why: "It was approved too long ago to release it without looking again." };
  }
  return { life: { ...life, state: "used" }, effect: "release", why: "" };
}

function ended(life: Life, why: string): Step {
  return { life: { ...life, state: "void" }, effect: "none", why };
}

const BINDINGS: readonly (readonly [keyof Bound, string])[] = [
  ["request", "request"],
  ["sid", "session"],
  ["target", "target"],
  ["digest", "bytes"],
  ["policy", "policy"],
  ["headSha", "commit"],
];

function differences(approved: Bound, presented: Bound): readonly string[] {
  return BINDINGS.filter(([field]) => approved[field] !== presented[field]).map(([, word]) => word);
}
