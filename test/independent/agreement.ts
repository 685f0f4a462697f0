// What both verifiers say of one place, in a form in which two answers can be compared.

import { verify } from "../../src/cli/verify.ts";
import type { Asked, Batch } from "./batch.ts";

/** Each check that is not good, as `place check outcome`, in order; `refused` alone for what cannot be read at all. */
export type Said = readonly string[];

interface CheckLike {
  readonly id: string;
  readonly outcome: string;
}

interface ReportLike {
  readonly verdict: string;
  readonly checks: readonly CheckLike[];
  readonly sessions: readonly { readonly folder: string; readonly checks: readonly CheckLike[] }[];
}

/** What our own verifier says, by its command line. */
export async function oursSays({ path, key, since }: Asked): Promise<Said> {
  const lines: string[] = [];
  const options = [...(key === undefined ? [] : ["--key", key]), ...(since === undefined ? [] : ["--since", since])];
  const code = await verify([path, "--json", ...options], {
    cwd: "/",
    out: (line) => void lines.push(line),
    err: () => undefined,
  });
  return said(lines.length === 0 ? undefined : JSON.parse(lines.join("\n")), code === 0);
}

/** What the independent one says. */
export async function pythonSays(batch: Batch, asked: Asked): Promise<Said> {
  const report: unknown = JSON.parse(await batch.ask(asked));
  return said(report, isReport(report) && report.verdict === "good");
}

/** `FAILED` over `INCOMPLETE` over `good`, pages apart. */
export function verdictOf(all: Said): "good" | "failed" | "incomplete" {
  if (all.length === 0) return "good";
  return all.every((each) => each.endsWith(" incomplete")) ? "incomplete" : "failed";
}

// Pages are rendered by ours alone, so what it says of them is left out.
function said(report: unknown, isGood: boolean): Said {
  if (!isReport(report)) return ["refused"];
  const all = [
    ...report.checks.map((check) => ({ place: "ledger", check })),
    ...report.sessions.flatMap(({ folder, checks }) => checks.map((check) => ({ place: folder, check }))),
  ].filter(({ check }) => check.outcome !== "good");
  if (isGood !== (all.length === 0)) return ["its verdict is not what its checks come to"];
  return all
    .filter(({ check }) => check.id !== "pages")
    .map(({ place, check: { id, outcome } }) => `${place} ${id} ${outcome}`)
    .toSorted();
}

function isReport(value: unknown): value is ReportLike {
  return typeof value === "object" && value !== null && "checks" in value && "sessions" in value;
}
