/**
 * Heads over HTTP: C2SP add-checkpoint at the App. It signs nothing and believes nothing; whoever calls it verifies.
 * https://c2sp.org/tlog-witness
 */
import type { Countersigner } from "../../journal/ports.ts";
import { parseCount } from "../../tlog/note.ts";
import { addCheckpointBody } from "../../tlog/witness.ts";
import { DeskError } from "../desk/call.ts";
import { type AppDoor, expectStatus, openAppDoor } from "./door.ts";

/** Less than a session waits for a head, so that it hears why there was none. */
const WITHIN_MS = 9_000;
/** A try that hangs leaves time for another: the App may have been restarted under it. */
const TRY_MS = 4_000;

/** A door for heads alone, with connections of its own: no long poll stands before them. */
export function openAppHeads(url: string): Pick<Countersigner, "addCheckpoint"> & { readonly close: () => void } {
  const door = openAppDoor(url, undefined);
  return { addCheckpoint: async (body) => await addCheckpoint(door, body), close: () => door.close() };
}

/**
 * The cosignature lines. Rejects with `DeskError`; of a 409 the message ends with the size that the App has.
 *
 * Where the App holds this very size already, its earlier answer was lost on the way: the same head is asked for again,
 * as an extension by nothing.
 */
export async function addCheckpoint(door: AppDoor, body: string): Promise<string> {
  const endMs = performance.now() + WITHIN_MS;
  const ask = async (text: string) =>
    await door.call({
      method: "POST",
      path: "/add-checkpoint",
      body: text,
      contentType: "text/plain; charset=utf-8",
      tryMs: TRY_MS,
      withinMs: Math.max(1, endMs - performance.now()),
    });
  const reply = await ask(body);
  if (reply.status !== 409) return expectStatus(reply, 200).text;
  const held = parseCount(reply.text.trim());
  if (held === undefined || held === 0 || held !== sizeOf(body)) {
    throw new DeskError(409, `the App holds another head of this session: ${reply.text.trim().slice(0, 20)}`);
  }
  return expectStatus(await ask(addCheckpointBody(held, [], noteOf(body))), 200).text;
}

function noteOf(body: string): string {
  return body.slice(body.indexOf("\n\n") + 2);
}

/** The second line of a checkpoint. */
function sizeOf(body: string): number | undefined {
  return parseCount(noteOf(body).split("\n")[1] ?? "");
}
