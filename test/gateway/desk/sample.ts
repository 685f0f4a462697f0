/** Approval requests to show and to answer, as a gateway would make them. */
import type { ApprovalRequest } from "../../../src/approval/ports.ts";
import type { Masked } from "../../../src/model/masked.ts";

export const SID = "01KAR3Q8ZJ4X7V2M9T5C6B0WNE";

/** Text as if masking had made it: these tests are about what happens after that. */
export function masked(text: string): Masked {
  return text as Masked;
}

/** A DELETE without condition that waits five minutes; each id's digest is its own. */
export function sampleRequest(changes: Partial<ApprovalRequest> = {}): ApprovalRequest {
  const now = Date.now();
  const id = changes.id ?? "7Q2M9XK4ZT";
  return {
    id,
    sid: SID,
    cmd: "2/4",
    target: "appdb",
    text: masked("DELETE FROM orders"),
    params: [],
    maskedSpans: 0,
    digest: Buffer.from(id.padEnd(32, ".")).toString("base64url"),
    leaf: Buffer.alloc(32, 7).toString("base64url"),
    bytes: 25,
    effects: ["delete"],
    objects: ["public.orders"],
    bounded: false,
    why: ["DELETE without WHERE"],
    inTransaction: false,
    impact: { estimated: 120, counted: -1, note: "counting took longer than 2 s" },
    rule: "destructive",
    message: "Deleting needs a second pair of eyes.",
    matched: ["effects delete", "bounded false"],
    policy: "sha256:5f1c0a77",
    identity: {
      repository: "acme/shop",
      workflowRef: "acme/shop/.github/workflows/reflect.yml@refs/heads/main",
      run: "1812",
      attempt: "1",
      job: "reflect",
      actor: "maria",
      triggeringActor: "maria",
      commit: "3f9a2c1d0b7e4a6f8c5d2e1b9a7c6f4e3d2c1b0a",
      ref: "refs/heads/main",
      environment: "",
      event: "workflow_dispatch",
    },
    requestedAt: new Date(now).toISOString(),
    expiresAt: new Date(now + 300_000).toISOString(),
    terms: { teams: [], users: [], count: 1, expiresMs: 300_000, via: ["check"] },
    ...changes,
  };
}
