// A countersigner and approval desk in memory, with real keys and a real witness: only the process and the page are left
// out. People's answers are what the test says.

import { generateKeyPairSync } from "node:crypto";
import type { Answered, ApprovalRequest } from "../../src/approval/ports.ts";
import { signApproval } from "../../src/evidence/approval-statement.ts";
import { dsseSigner } from "../../src/evidence/dsse.ts";
import type { DeskClient } from "../../src/gateway/desk/client.ts";
import { openCustody } from "../../src/gateway/desk/custody.ts";
import { asked } from "../../src/gateway/desk/signed-answer.ts";
import { cosigner, parseVkey } from "../../src/tlog/note.ts";
import { Witness, type WitnessState } from "../../src/tlog/witness.ts";

/** What people say of a request; a promise may wait for the test, or for the signal. */
export type People = (
  request: ApprovalRequest,
  signal: AbortSignal,
) => Promise<"approved" | "refused" | "expired" | "withdrawn">;

export interface FakeDesk extends DeskClient {
  readonly requests: readonly ApprovalRequest[];
}

/** Opens a desk whose requests `people` answers. */
export function openFakeDesk(people: People): FakeDesk {
  const key = generateKeyPairSync("ed25519").privateKey;
  const own = cosigner("countersign.test", key);
  const heads = new Map<string, { readonly size: number; readonly root: Uint8Array }>();
  const keys = new Map<string, string>();
  const state: WitnessState = {
    load: (origin) => heads.get(origin),
    save: (origin, size, root) => void heads.set(origin, { size, root }),
  };
  const witness = new Witness(state, own, (origin) => {
    const vkey = keys.get(origin);
    return vkey === undefined ? [] : [parseVkey(vkey)];
  });
  const custody = openCustody(key, state, own);
  const signer = dsseSigner(key);
  const requests: ApprovalRequest[] = [];
  const no = async (): Promise<never> => await Promise.reject(new Error("not in this fake"));
  return {
    vkey: own.verifier.vkey,
    person: "rita",
    address: undefined,
    requests,
    async addCheckpoint(body) {
      const answer = witness.addCheckpoint(body, Math.floor(Date.now() / 1000));
      if (answer.status !== 200) throw new Error(`the witness answered ${answer.status}: ${answer.body}`);
      return await Promise.resolve(answer.body);
    },
    async register({ origin, vkey }) {
      await Promise.resolve(keys.set(origin, vkey));
    },
    async ask(request, signal): Promise<Answered> {
      requests.push(request);
      const answer = await people(request, signal);
      if (answer === "withdrawn") return { answer, by: [], reason: "", dsse: "", disclosure: "" };
      const by = answer === "expired" ? [] : [{ login: "rita", via: "page" }];
      const dsse = signApproval(
        { ...asked(request), answer, by, reason: [], decidedAt: new Date().toISOString() },
        signer,
      );
      return { answer, by, reason: "", dsse, disclosure: "" };
    },
    signStatement: async (origin, statement) => await Promise.resolve(custody.signStatement(origin, statement)),
    signErasure: async (origin, statement) => await Promise.resolve(custody.signErasure(origin, statement)),
    logVkey: async (origin) => await Promise.resolve(custody.logVkey(origin)),
    signCheckpoint: async (origin, text) =>
      await Promise.resolve(custody.signCheckpoint(origin, text, Math.floor(Date.now() / 1000))),
    submit: no,
    standing: no,
    withdraw: no,
    answer: no,
    close: () => undefined,
  };
}
