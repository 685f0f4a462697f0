/**
 * What a webhook hints at. Its signature is good, so it is GitHub that speaks; but it may be late, doubled or out of order,
 * so nothing is decided by it: it says where to look, and keeps what GitHub does not list.
 */

import { readComment } from "../../src/approval/code.ts";
import { isObject, isText } from "../../src/evidence/shape.ts";
import { behind, through } from "../../src/github/said.ts";
import type { SaidWord } from "./words-kept.ts";

/** Which sessions it is about. Numbers are GitHub's. */
export type About =
  | { readonly kind: "session"; readonly sid: string }
  | { readonly kind: "thread"; readonly thread: number }
  | { readonly kind: "run"; readonly run: number }
  | { readonly kind: "repository" }
  | { readonly kind: "installation" };

export interface Hint {
  readonly about: About;
  readonly installation: number;
  /** 0 where it is about all of an installation's. */
  readonly repository: number;
  readonly said: readonly SaidWord[];
  /** The check is to be shown again, as if it had not been. */
  readonly again: boolean;
}

export interface WebhookEvent {
  /** The delivery's GUID; a delivery may come twice. */
  readonly id: string;
  /** As GitHub names it: `check_run`. The action is in the payload. */
  readonly name: string;
  readonly payload: unknown;
}

/** Events that this part makes something of. */
export const EVENTS: ReadonlySet<string> = new Set([
  "check_run",
  "issue_comment",
  "pull_request_review",
  "pull_request",
  "workflow_run",
  "workflow_job",
  "repository",
  "installation",
  "installation_repositories",
]);

/** Reads a delivery. Undefined for what is not about us, or not as GitHub would write it. */
export function readHint(
  event: WebhookEvent,
  { appId, atMs }: { readonly appId: number; readonly atMs: number },
): Hint | undefined {
  const { payload } = event;
  const installation = numberIn(payload, "installation", "id");
  const action = textIn(payload, "action");
  if (installation === undefined || action === undefined) return undefined;
  const repository = numberIn(payload, "repository", "id") ?? 0;
  const base = { installation, repository, said: [], again: false } as const;
  const on = (about: About | undefined, more: Partial<Hint> = {}): Hint | undefined =>
    about === undefined ? undefined : { ...base, ...more, about };
  switch (event.name) {
    case "check_run":
      return onCheckRun(event, { action, appId, atMs }, on, base);
    case "issue_comment":
      return onComment(payload, { action, appId, repository }, on);
    case "pull_request_review":
      return on(threadOf(numberIn(payload, "pull_request", "number")));
    case "pull_request":
      return ["synchronize", "closed", "edited", "reopened"].includes(action)
        ? on(threadOf(numberIn(payload, "pull_request", "number")))
        : undefined;
    case "workflow_run":
      return action === "completed" ? on(runOf(numberIn(payload, "workflow_run", "id"))) : undefined;
    case "workflow_job":
      return action === "completed" ? on(runOf(numberIn(payload, "workflow_job", "run_id"))) : undefined;
    case "repository":
      return ["publicized", "privatized", "transferred", "renamed", "deleted", "archived"].includes(action)
        ? on({ kind: "repository" })
        : undefined;
    case "installation":
      return ["deleted", "suspend", "unsuspend", "new_permissions_accepted"].includes(action)
        ? on({ kind: "installation" })
        : undefined;
    case "installation_repositories":
      return action === "removed" ? on({ kind: "installation" }) : undefined;
    default:
      return undefined;
  }
}

type On = (about: About | undefined, more?: Partial<Hint>) => Hint | undefined;

function onCheckRun(
  { id, payload }: WebhookEvent,
  { action, appId, atMs }: { readonly action: string; readonly appId: number; readonly atMs: number },
  on: On,
  { installation, repository }: Pick<Hint, "installation" | "repository">,
): Hint | undefined {
  const sid = textIn(payload, "check_run", "external_id");
  const app = numberIn(payload, "check_run", "app", "id");
  if (sid === undefined || app !== appId) return undefined;
  const about = { kind: "session", sid } as const;
  // "Re-run" answers nothing: it shows the same again.
  if (action === "rerequested") return on(about, { again: true });
  const identifier = textIn(payload, "requested_action", "identifier");
  const by = numberIn(payload, "sender", "id");
  const checkRun = numberIn(payload, "check_run", "id");
  const headSha = textIn(payload, "check_run", "head_sha");
  if (action !== "requested_action" || identifier === undefined || by === undefined) return undefined;
  if (checkRun === undefined || headSha === undefined) return undefined;
  const word = {
    kind: "button",
    key: id,
    by,
    atMs,
    // Nothing but a person in a browser presses a button: GitHub has no call for it.
    through: "themselves",
    app,
    installation,
    repository,
    checkRun,
    externalId: sid,
    headSha,
    identifier,
  } as const;
  const type = textIn(payload, "sender", "type") ?? "";
  return on(about, { said: [{ word, login: textIn(payload, "sender", "login") ?? "", type, text: "", ref: 0 }] });
}

function onComment(
  payload: unknown,
  { action, appId, repository }: { readonly action: string; readonly appId: number; readonly repository: number },
  on: On,
): Hint | undefined {
  const thread = numberIn(payload, "issue", "number");
  const via = valueIn(payload, "comment", "performed_via_github_app");
  // What we write ourselves; that somebody else changed it is theirs.
  if (numberIn(via, "id") === appId && textIn(payload, "sender", "type") === "Bot") return undefined;
  const body = textIn(payload, "comment", "body");
  const key = textIn(payload, "comment", "node_id");
  const by = numberIn(payload, "comment", "user", "id");
  const atMs = Date.parse(textIn(payload, "comment", "created_at") ?? "");
  if (thread === undefined || body === undefined || key === undefined || by === undefined) return undefined;
  if (!Number.isFinite(atMs)) return undefined;
  const said = (stage: "created" | "edited" | "deleted", what: string): SaidWord => ({
    word: { kind: "comment", key, by, atMs, through: through(via), repository, thread, body: what, stage },
    login: textIn(payload, "comment", "user", "login") ?? "",
    type: textIn(payload, "comment", "user", "type") ?? "",
    text: behind(what),
    ref: numberIn(payload, "comment", "id") ?? 0,
  });
  const before = textIn(payload, "changes", "body", "from");
  const words =
    action === "created"
      ? [said("created", body)]
      : action === "deleted"
        ? [said("deleted", body)]
        : action === "edited"
          ? [...(before === undefined ? [] : [said("created", before)]), said("edited", body)]
          : [];
  // What was never meant for us is none of our business.
  const isMeant = words.some(({ word }) => word.kind === "comment" && readComment(word.body).kind !== "other");
  const isOurs = numberIn(via, "id") === appId;
  return isMeant || isOurs ? on(threadOf(thread), { said: isMeant ? words : [] }) : undefined;
}

function threadOf(thread: number | undefined): About | undefined {
  return thread === undefined ? undefined : { kind: "thread", thread };
}

function runOf(run: number | undefined): About | undefined {
  return run === undefined ? undefined : { kind: "run", run };
}

function valueIn(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (!isObject(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

function numberIn(value: unknown, ...path: readonly string[]): number | undefined {
  const at = valueIn(value, ...path);
  return typeof at === "number" && Number.isSafeInteger(at) && at > 0 ? at : undefined;
}

function textIn(value: unknown, ...path: readonly string[]): string | undefined {
  const at = valueIn(value, ...path);
  return isText(at) ? at : undefined;
}
