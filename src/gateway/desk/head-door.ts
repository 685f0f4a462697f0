import { Agent } from "node:http";
import type { Countersigner } from "../../journal/ports.ts";
import { call, expect } from "./call.ts";

/** Where the countersigner is found, and what must be known to be let in. */
export interface DeskAddress {
  readonly socketPath: string;
  /** What the countersigner wrote on its ready line. */
  readonly secret: string;
}

/** The countersigner's add-checkpoint alone, over a connection that is kept. Believes nothing: who calls it verifies. */
export function openHeadDoor(
  address: DeskAddress,
): Pick<Countersigner, "addCheckpoint"> & { readonly close: () => void } {
  // Two, so that a head can be sent while the answer to the last one is read.
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  return {
    async addCheckpoint(body) {
      return expect(await call({ ...address, agent }, { method: "POST", path: "/add-checkpoint", body }), 200).text;
    },
    close: () => agent.destroy(),
  };
}
