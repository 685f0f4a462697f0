/** What every part of the App is given: its state, its key, its clock, and the door to GitHub. */

import type { KeyObject } from "node:crypto";
import type { Octokit } from "@octokit/core";
import type { DsseSigner } from "../src/evidence/dsse.ts";
import type { Database } from "./state/database.ts";

/** Structured, for operators. No secret, no token, no command's text ever goes here. */
export interface Log {
  info(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
  warn(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
  error(fields: Readonly<Record<string, string | number | boolean>>, message: string): void;
}

/** Counts and times for Prometheus; `app/http/metrics.ts` says which names there are. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  /** Takes down how long something took, in seconds. */
  took(name: string, seconds: number, labels?: Readonly<Record<string, string>>): void;
}

/** GitHub, as an installation of the App sees it. Its client throws at once: whoever calls decides when to try again. */
export interface GithubDoor {
  installation(id: number): Promise<Octokit>;
  /** Octokit that speaks as the App itself. */
  app(): Promise<Octokit>;
}

export interface Context {
  readonly database: Database;
  /** The App's Ed25519 key: it cosigns heads, signs answers, registrations and the logs' checkpoints. */
  readonly key: KeyObject;
  readonly signer: DsseSigner;
  /** C2SP vkey of its cosignatures, type 0x04. */
  readonly vkey: string;
  /** The App's URL as gateways know it: the audience of their tokens. Without a slash at its end. */
  readonly url: string;
  /** GitHub's numeric id of this App. */
  readonly appId: number;
  readonly github: GithubDoor;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly random: (count: number) => Uint8Array;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Has due errands looked at now: after a transaction that called for one. */
  readonly wake: () => void;
  /** Resolves at the next notification of the subject, when `signal` aborts, or after `waitMs`. */
  readonly heard: (subject: string, waitMs: number, signal: AbortSignal) => Promise<void>;
}
