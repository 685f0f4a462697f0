import type { Identity, SessionId, Tier } from "./session.ts";

/** What a gateway says of itself when it registers a session with the App. docs/app-api.md, Sessions. */
export interface RegistrationRequest {
  readonly sid: SessionId;
  /** The session's key: C2SP vkey, type 0x01, its name the session's origin. */
  readonly vkey: string;
  /** base64url of a raw X25519 public key: credentials are encrypted to it. */
  readonly encryption: string;
  /** A GitHub OIDC token whose audience is the App's URL. Never kept, never logged. */
  readonly token: string;
  readonly targets: readonly string[];
  readonly tier: Tier;
  /** The gateway's version. */
  readonly version: string;
}

/** What the App says of a session: who it is, as GitHub vouched for it, and under which policy it runs. */
export interface Registration {
  readonly sid: SessionId;
  readonly vkey: string;
  readonly encryption: string;
  /** Word for word in `session.started`. */
  readonly identity: Identity;
  readonly repositoryId: number;
  readonly runId: number;
  readonly runAttempt: number;
  readonly checkRunId: number;
  readonly policy: { readonly digest: string; readonly path: string; readonly commit: string };
  readonly targets: readonly string[];
  readonly tier: Tier;
  readonly registeredAt: string;
}

/** How far a session has come with the App. */
export type SessionState = "open" | "contested" | "handed-in" | "landed" | "lost";
