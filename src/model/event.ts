import type { CommandId, Effects } from "./command.ts";
import type { Answer } from "./decision.ts";
import type { Identity, SessionId, Tier } from "./session.ts";

/**
 * One fact in the past tense in a session's journal: one line of RFC 8785 canonical JSON, at most 32 KiB. DESIGN.md 8.
 *
 * Keys are written in sorted order everywhere in this file and wherever an event is made, so `JSON.stringify` of an
 * event is already its canonical form; the journal's tests hold every maker to that.
 */
export interface Event {
  /** RFC 3339, UTC, milliseconds: this machine's clock, informational beside the countersigner's. */
  readonly at: string;
  readonly body: object;
  /** The connection it speaks of, from 1; 0 for the session itself. */
  readonly conn: number;
  /** From 0, without gaps. */
  readonly seq: number;
  readonly sid: SessionId;
  readonly type: EventType;
  readonly v: 1;
}

export type EventType = keyof EventBodies;

/** A value kept apart from its event: RFC 9901 section 4.2.4.2, an array element replaced by its digest. */
export interface Redacted {
  /** base64url(SHA-256(ASCII(disclosure))), without padding. */
  readonly "...": string;
}

/** The body of each type of event. Every string in them is structure or `Masked`; values are `Redacted`. */
export interface EventBodies {
  readonly "session.started": {
    /** The countersigner's verifier key (C2SP vkey, type 0x04), or `none`. */
    readonly countersigner: string;
    readonly gateway: { readonly version: string; readonly vkey: string };
    readonly identity: Identity;
    readonly policy: { readonly digest: string };
    readonly targets: readonly { readonly name: string; readonly protocol: string }[];
    readonly tier: Tier;
  };
  /** The App released a target's credential to this session; `source` says who kept it. At most one for each target. */
  readonly "credential.issued": { readonly source: "app"; readonly target: string };
  readonly "connection.opened": {
    readonly application: readonly Redacted[];
    readonly database: string;
    /**
     * `client` for the job's own, `cancel` for a request to cancel, `preview` and `catalogue` for the gateway's own. `plan`:
     * nothing was connected; what was seen on it are the statements of a plan, which were shown to people and not run.
     */
    readonly purpose: "client" | "cancel" | "preview" | "catalogue" | "plan";
    /**
     * The target's search_path when a client's connection began; empty for the others. Where the target does not report
     * it by itself, the gateway asked before the client's first command: the one question of its own on that connection.
     */
    readonly searchPath: string;
    readonly target: string;
    /** Is the client's side encrypted, is the target's. */
    readonly tls: { readonly client: boolean; readonly target: boolean };
    readonly user: string;
  };
  readonly "command.seen": {
    readonly bounded: boolean;
    /** Bytes that a release sends. */
    readonly bytes: number;
    readonly cmd: CommandId;
    /**
     * base64url(SHA-256(key || the exact bytes that a release sends)). The key is a disclosure, as its ASCII characters:
     * of this event's text, else of its first parameter, else of the text that `textOf` names. Whoever erases that value
     * erases the key.
     */
    readonly digest: string;
    readonly effects: Effects;
    readonly objects: readonly string[];
    readonly params: readonly Redacted[];
    readonly target: string;
    /** The masked text; or empty, and `textOf` names the earlier event of this session that holds the same text. */
    readonly text: readonly Redacted[];
    readonly textOf: number;
    /** Is the command inside an open transaction. */
    readonly tx: boolean;
    readonly why: readonly string[];
  };
  readonly "command.decided": {
    readonly cmd: CommandId;
    readonly decision: "allow" | "hold" | "deny";
    readonly matched: readonly string[];
    readonly message: string;
    readonly rule: string;
  };
  readonly "approval.requested": {
    readonly approvers: {
      readonly count: number;
      readonly teams: readonly string[];
      readonly users: readonly string[];
    };
    readonly cmd: CommandId;
    readonly expiresAt: string;
    /** Estimated and counted rows; -1 when not known. */
    readonly impact: { readonly counted: number; readonly estimated: number };
    /** RFC 6962 leaf hash, base64url, of the `command.seen` line. */
    readonly leaf: string;
    readonly request: string;
  };
  /** People were asked about an ordered list of statements at once. They were seen on this event's connection, in order. */
  readonly "plan.requested": {
    readonly approvers: {
      readonly count: number;
      readonly teams: readonly string[];
      readonly users: readonly string[];
    };
    /** The `digest` of each statement's `command.seen`, in order. The answer is bound to this line's leaf hash. */
    readonly digests: readonly string[];
    readonly expiresAt: string;
    readonly request: string;
    /** The rules that hold some of them. */
    readonly rules: readonly string[];
    readonly target: string;
  };
  readonly "plan.answered": {
    readonly answer: Answer;
    readonly by: readonly { readonly login: string; readonly via: string }[];
    /** As in `approval.answered`. */
    readonly dsse: string;
    readonly reason: readonly Redacted[];
    readonly request: string;
  };
  /** Of a command that an approved plan covers, `request` is the plan's, and `by`, `dsse` are those of its answer. */
  readonly "approval.answered": {
    readonly answer: Answer;
    readonly by: readonly { readonly login: string; readonly via: string }[];
    readonly cmd: CommandId;
    /** `sha256:<hex>` of the DSSE file in `approvals/`; empty where nobody signed (expired, withdrawn). */
    readonly dsse: string;
    readonly reason: readonly Redacted[];
    readonly request: string;
  };
  readonly "command.settled": {
    readonly cause: string;
    readonly cmd: CommandId;
    readonly ruling: "release" | "refuse";
  };
  readonly "command.returned": {
    /** Bytes of the target's answer, as received. */
    readonly bytes: number;
    readonly cmd: CommandId;
    /** SQLSTATE; empty when it went well. */
    readonly code: string;
    /** COPY ... FROM STDIN: what was sent after the command. */
    readonly copied: { readonly bytes: number; readonly digest: string };
    /** base64url(SHA-256(key || the target's answer)); `key` is in the response's disclosure. */
    readonly digest: string;
    /** Which execution of this command, from 1. */
    readonly execution: number;
    readonly masked: number;
    /** `completed`, `error`, `suspended` (more rows on request), `bound` (never executed), `skipped`, `unknown`. */
    readonly outcome: "completed" | "error" | "suspended" | "bound" | "skipped" | "unknown";
    readonly response: readonly Redacted[];
    readonly rows: number;
    readonly tookUs: number;
    readonly truncated: boolean;
  };
  readonly masked: { readonly cmd: CommandId; readonly counts: Readonly<Record<string, number>> };
  readonly "connection.closed": {
    /** Commands seen on it. */
    readonly commands: number;
    readonly received: number;
    readonly sent: number;
    readonly why: string;
  };
  /** Something that should be here is not, and what is known of it. */
  readonly gap: { readonly cmd: string; readonly what: string };
  readonly "session.ended": {
    readonly commands: number;
    readonly denied: number;
    readonly exit: number;
    readonly held: number;
    readonly outcome: "completed" | "failed" | "lost" | "recovered";
  };
}

/** A line of `disclosures.jsonl`. Deleting the line erases the value for ever and leaves every proof standing. */
export interface Disclosure {
  readonly digest: string;
  /** base64url(JSON [salt, value]); salt is 16 random bytes in base64url. RFC 9901 section 4.2.2. */
  readonly disclosure: string;
  /** Where in the events the digest stands: `/<seq>/body/text/0`. RFC 6901. */
  readonly ptr: string;
}
