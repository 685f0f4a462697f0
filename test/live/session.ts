// A session of the gateway inside the test's own process, in front of a real server, with a desk in memory: for tests
// that must say at each command what people answer, and look at the journal as it grows.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPolicy } from "../../src/config/policy-file.ts";
import type { Endpoint } from "../../src/gateway/gateway.ts";
import { readIdentity } from "../../src/gateway/identity.ts";
import { openSession, prepareSession } from "../../src/gateway/local.ts";
import { readTarget } from "../../src/protocols/postgres/target.ts";
import { type FakeDesk, openFakeDesk, type People } from "../fakes/desk.ts";

export interface TestEvent {
  readonly type: string;
  readonly conn: number;
  readonly seq: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface LiveSession {
  readonly endpoint: Endpoint;
  /** What clients trust, made for this session. */
  readonly certificate: { readonly caPem: string };
  readonly desk: FakeDesk;
  /** Where its files are: events, disclosures, signed answers. */
  readonly directory: string;
  /** Why the session failed; empty while it goes on. */
  readonly failure: () => string;
  /** The events written so far. */
  events(): readonly TestEvent[];
  close(): Promise<void>;
}

/** Starts one. `target` is the policy's name for the server at `url`. */
export async function startSession(about: {
  readonly policy: string;
  readonly target: string;
  readonly url: string;
  readonly people: People;
}): Promise<LiveSession> {
  const directory = mkdtempSync(join(tmpdir(), "cs-session-"));
  const desk = openFakeDesk(about.people);
  const open = await openSession({
    prepared: await prepareSession(),
    policy: readPolicy(about.policy, "policy.yml"),
    targets: [readTarget(about.target, about.url)],
    identity: readIdentity({}, directory),
    tier: "cooperative",
    logOrigin: "localhost/test/countersign",
    sessionsDirectory: directory,
    desk,
    version: "0.0.0",
    failed: () => undefined,
  });
  const [endpoint] = open.endpoints;
  if (endpoint === undefined) throw new Error("the gateway listens nowhere");
  return {
    endpoint,
    certificate: open.certificate,
    desk,
    directory: open.session.directory,
    failure: () => open.session.failure,
    events: () =>
      readFileSync(join(open.session.directory, "events.jsonl"), "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as TestEvent),
    async close() {
      await open.end(0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
