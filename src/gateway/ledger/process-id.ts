// Names a process so that others can tell whether it is still there: a number alone is soon another process's number.

import { hash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * A process, in one word without blanks or slashes: number, start, machine, boot and process namespace.
 *
 *   <pid>-<start>-<machine>-<boot>-<namespace>
 *
 * `start` is in clock ticks since the machine booted, 0 where no /proc tells; the last three are 12 digits of hashes, or 0.
 */
export type ProcessId = string;

const PROCESS_ID = /^([1-9][0-9]{0,9})-(0|[1-9][0-9]{0,19})-(0|[0-9a-f]{12})-(0|[0-9a-f]{12})-(0|[0-9a-f]{12})$/;

/** `elsewhere`: on another machine or in another container, so whether it lives cannot be told from here. */
export type Life = "running" | "gone" | "elsewhere";

/** This process. */
export function thisProcess(): ProcessId {
  return [process.pid, statOf(process.pid)?.start ?? "0", ...placeOfHere()].join("-");
}

/** Is this text the name of a process. */
export function isProcessId(text: string): boolean {
  return PROCESS_ID.test(text);
}

/** Does the process of this name live. A name that is none is `elsewhere`: nothing is known of it. */
export function lifeOf(name: ProcessId): Life {
  const [, digits, start = "0", machine = "0", boot = "0", namespace = "0"] = PROCESS_ID.exec(name) ?? [];
  if (digits === undefined) return "elsewhere";
  const [ownMachine, ownBoot, ownNamespace] = placeOfHere();
  // The machine was started anew since, so nothing of then is left. Where a machine has no id, this cannot be told.
  if (machine !== "0" && machine === ownMachine && boot !== ownBoot) return "gone";
  if (boot !== ownBoot || namespace !== ownNamespace || (boot === "0" && machine !== ownMachine)) return "elsewhere";
  const pid = Number(digits);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return "gone";
  }
  const stat = statOf(pid);
  if (stat === undefined) return "running";
  // Z and X: it ended, and only its parent has not looked yet.
  if (stat.state === "Z" || stat.state === "X") return "gone";
  return start === "0" || stat.start === start ? "running" : "gone";
}

/** The machine by its own id and name, this boot of its kernel, and the namespace in which process numbers mean something. */
function placeOfHere(): readonly [string, string, string] {
  const id = contents("/etc/machine-id");
  const boot = contents("/proc/sys/kernel/random/boot_id");
  return [
    // macOS has no such file, and there the name has to do.
    id === "" && boot !== "" ? "0" : short(`${id}\n${hostname()}`),
    boot === "" ? "0" : short(boot),
    short(link("/proc/self/ns/pid")),
  ];
}

function short(text: string): string {
  return text === "" ? "0" : hash("sha256", text, "hex").slice(0, 12);
}

/** proc_pid_stat(5): pid (name) state ... with the start time as field 22. The name may hold anything, parentheses too. */
function statOf(pid: number): { readonly state: string; readonly start: string } | undefined {
  const text = contents(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state = ""] = fields;
  const start = fields[19];
  return text === "" || start === undefined ? undefined : { state, start };
}

function contents(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return ""; // not Linux, or not ours to see: less is known, and callers take that into account
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
