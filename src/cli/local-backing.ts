// Local mode: the countersigner is a process of its own on this machine, people answer on its page or in the terminal, and
// the ledger is a branch or a folder here.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApprovalRequest } from "../approval/ports.ts";
import { unanswerableLocally } from "../config/answerable.ts";
import { readPolicy } from "../config/policy-file.ts";
import { openDeskClient } from "../gateway/desk/client.ts";
import { openTerminalDesk, type TerminalDesk } from "../gateway/desk/terminal.ts";
import { logOriginOf, readIdentity, userName } from "../gateway/identity.ts";
import { openLedger } from "../gateway/ledger/open.ts";
import { localCustodian } from "../gateway/seal.ts";
import type { Policy } from "../policy/policy.ts";
import { readTarget } from "../protocols/postgres/index.ts";
import { type Backing, type BackingParts, checkPolicy, checkTargets } from "./backing.ts";
import { startCountersignerProcess } from "./countersigner-process.ts";
import { secretVariables } from "./job.ts";
import { UsageError } from "./options.ts";
import { recover } from "./recover.ts";

/** Starts the countersigner, and seals what earlier runs left. Throws for wrong use before anything is started. */
export async function localBacking(parts: BackingParts): Promise<Backing> {
  const { options, io, say, temporary, sessions } = parts;
  const policy = readPolicyFile(options.policy);
  const targets = options.targets.map(({ name, url }) => readTarget(name, url));
  checkTargets(
    policy,
    targets.map(({ name }) => name),
  );
  const secret = secretVariables(io.env, options.secretVariables, targets);
  for (const name of secret) say(`${name} holds a target's password and is kept from the job`);
  const identity = readIdentity(io.env, io.cwd);
  const ledger = openLedger(options.ledger, io.cwd);
  const socketPath = join(temporary, "desk.sock");
  const place = { state: options.state, pagePort: options.pagePort, socketPath, without: secret };
  const countersigner = startCountersignerProcess(io, place);
  try {
    const ready = await countersigner.ready;
    let terminal: TerminalDesk | undefined;
    const desk = await openDeskClient({
      socketPath,
      secret: ready.secret,
      onShown: (request: ApprovalRequest) => {
        if (terminal === undefined)
          say(`held: request ${request.id} on ${request.target} (rule "${request.rule}"). Answer at ${ready.pageUrl}`);
        else terminal.show(request);
      },
    });
    if (options.terminal && process.stdin.isTTY && process.stderr.isTTY) {
      const colour = (io.env["NO_COLOR"] ?? "") === "";
      terminal = openTerminalDesk({
        desk,
        streams: { input: process.stdin, output: process.stderr, terminal: true, colour },
        pageUrl: ready.pageUrl,
        clock: Date.now,
        onInterrupt: parts.interrupt,
      });
    }
    for (const line of await recover({ sessions, desk })) say(line);
    const logOrigin = logOriginOf(identity);
    const custodian = localCustodian(desk, ledger);
    return {
      own: undefined,
      policy,
      targets,
      identity,
      logOrigin,
      desk,
      destination: { ledger: options.ledger, directory: io.cwd },
      answeredAt: `approvals at ${ready.pageUrl}`,
      readsTerminal: terminal !== undefined,
      secret: () => secret,
      opened: () => undefined,
      jobEnded: () => terminal?.close(),
      async keep(ended) {
        const { folder } = await custodian.keep(ended, logOrigin);
        return { verb: "sealed", where: `in ${options.ledger}, ${folder}`, folder, commit: "" };
      },
      close() {
        terminal?.close();
        desk.close();
        countersigner.stop();
      },
    };
  } catch (error) {
    countersigner.stop();
    throw error;
  }
}

function readPolicyFile(path: string): Policy {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(
      `the policy ${path} cannot be read; name one with --policy FILE, or write one: see examples/countersign.yml`,
      { cause },
    );
  }
  const policy = readPolicy(text, path);
  checkPolicy(policy, unanswerableLocally(policy, userName()));
  return policy;
}
