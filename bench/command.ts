// What one recorded command costs the gateway beside its sockets: a prepared SELECT with one parameter is read, judged,
// recorded with its answer, flushed. No server and no socket; a journal on disk. Prints microseconds per command.
//
//   node bench/command.ts [COMMANDS]

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPolicy } from "../src/config/policy-file.ts";
import { Judge } from "../src/gateway/judge.ts";
import { RandomPool } from "../src/gateway/random-pool.ts";
import { Session } from "../src/gateway/session.ts";
import { makeUlid } from "../src/gateway/ulid.ts";
import { openMasker } from "../src/masking/mask.ts";
import type { Command, CommandId } from "../src/model/command.ts";
import type { Ruling } from "../src/model/decision.ts";
import { compile } from "../src/policy/decide.ts";
import type { Conversation, Step } from "../src/protocols/protocol.ts";
import { bind, describe, execute, frame, parse, sync } from "../test/live/raw-client.ts";
import { postgresSamples } from "../test/protocols/postgres/samples.ts";

const COUNT = Number(process.argv[2] ?? "100000");
const POLICY = `
version: 1
targets: { appdb: { protocol: postgres } }
rules: [ { name: all, match: { effects: [read, session, write, unknown] }, decide: allow } ]
masking: [ { columns: [users.email, users.ssn], as: partial } ]
`;

const directory = mkdtempSync(join(tmpdir(), "cs-bench-"));
const policy = readPolicy(POLICY, "bench.yml");
const session = new Session({
  sid: makeUlid(Date.now(), randomBytes(10)),
  key: generateKeyPairSync("ed25519").privateKey,
  directory,
  logOrigin: "localhost/bench/countersign",
  countersigner: undefined,
  masker: openMasker(
    policy.masking.flatMap((rule) => (rule.kind === "columns" ? [rule] : [])),
    randomBytes(32),
  ),
  sync: false,
  failed: (why) => {
    throw new Error(why);
  },
});
const facts = { target: "appdb", protocol: "postgres", branch: "", environment: "", event: "local", actor: "bench" };
const judge = new Judge({
  session,
  policy: compile(policy),
  factsOf: () => facts,
  askPeople: async () => await Promise.resolve({ answer: "refused", words: "" }),
});

const pool = new RandomPool();
const conversation: Conversation = postgresSamples.open({ random: (count) => pool.take(count) });
const running = new Map<CommandId, Command>();
const steps: Step[] = [];
const asker = {
  number: 1,
  target: "appdb",
  settle: (id: CommandId, ruling: Ruling): void => void steps.push(...conversation.settle(id, ruling)),
  countersigned: (): void => undefined,
  tell: (): void => undefined,
};

function perform(more: readonly Step[]): void {
  steps.push(...more);
  for (let index = 0; index < steps.length; index += 1) {
    const step = steps[index];
    if (step?.kind === "ask") {
      running.set(step.command.id, step.command);
      judge.judge(asker, step.command);
    } else if (step?.kind === "note" && step.note.type === "returned") {
      const command = running.get(step.note.id);
      running.delete(step.note.id);
      session.recorder.returned(1, "appdb", step.note, { objects: command?.objects ?? [], tookUs: 100 });
    }
  }
  steps.length = 0;
}

const answer = postgresSamples.logIn();
let said: Uint8Array = new Uint8Array(0);
for (let dialled = false; !dialled; ) {
  const next = answer(said);
  if (next === undefined) break;
  for (const step of conversation.receive("client", next)) {
    if (step.kind === "send") said = step.bytes;
    if (step.kind === "dial") dialled = true;
  }
}
perform(conversation.receive("server", postgresSamples.server().greet()));

const columns = frame("T", [
  Buffer.from("0001", "hex"),
  "abalance\0",
  Buffer.from("0000400a000300000017000400ffffff0000".slice(0, 36), "hex"),
]);
const row = frame("D", [Buffer.from("000100000005", "hex"), "-1234"]);
const prepared = Buffer.concat([parse("P0_1", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;"), sync]);
perform(conversation.receive("client", prepared));
perform(conversation.receive("server", Buffer.concat([frame("1", []), frame("Z", ["I"])])));
const reply = Buffer.concat([frame("2", []), columns, row, frame("C", ["SELECT 1\0"]), frame("Z", ["I"])]);

function rounds(count: number): number {
  const since = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) {
    perform(
      conversation.receive(
        "client",
        Buffer.concat([bind({ statement: "P0_1", params: [String(index)] }), describe("P"), execute(), sync]),
      ),
    );
    session.log.flush();
    perform(conversation.receive("server", Buffer.from(reply)));
  }
  return Number(process.hrtime.bigint() - since) / 1000 / count;
}

rounds(Math.min(COUNT, 20_000));
process.stdout.write(`recorded command: ${rounds(COUNT).toFixed(1)} us\n`);
rmSync(directory, { recursive: true, force: true });
