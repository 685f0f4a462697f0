/** Checks as people get them, and the contract that each of them keeps. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Asked, CheckText } from "../../src/approval/check-text.ts";
import type { ApprovalRequest, PlanStatement } from "../../src/approval/ports.ts";
import { codeBlock, codeSpan } from "../../src/evidence/visible.ts";
import { masked, sampleRequest } from "../gateway/desk/sample.ts";
import { CODE } from "./facts.ts";

export const markup = { block: codeBlock, span: codeSpan };
const TIMES = { requestedAt: "2026-11-23T10:00:00.000Z", expiresAt: "2026-11-23T10:05:00.000Z" };

/** Texts of what misleads eyes, Markdown and terminals. */
export const nasty = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\u202E", "\u200B", "\u0000", "\u001B[31m", "\r", "\u00A0", "\u2028", "\uD800", "\u{E0041}", "\t"),
    fc.constantFrom("\n", " ", "`", "```", "~~~", "@octocat", "</details>", "<img src=x>", "![x](https://e.example)"),
    fc.constantFrom("#1", "$$x$$", "\\u{202E}", "|", "[^1]", "а", "::set-output name=x::y", "\n### Request"),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  ),
  maxLength: 40,
});

/** A request as an App would show it, on every surface. */
export function asked(changes: Partial<ApprovalRequest> = {}, code = CODE): Asked {
  const base = sampleRequest();
  const terms = { ...base.terms, via: ["check", "comment", "review"] as const };
  return { request: sampleRequest({ ...TIMES, terms, ...changes }), code, repeats: 0 };
}

/** One statement of a plan. */
export function statement(text: string, changes: Partial<PlanStatement> = {}): PlanStatement {
  const { digest, effects, objects, bounded, impact, maskedSpans } = sampleRequest();
  return { text: masked(text), bytes: text.length, digest, effects, objects, bounded, impact, maskedSpans, ...changes };
}

/** All that GitHub shows of it. */
export function whole({ title, summary, text }: CheckText): string {
  return `${title}\n\n${summary}\n${text}`;
}

/** security.md's display contract, by a reader of fences that is not the code that wrote them. */
export function expectContract(text: CheckText): void {
  const all = whole(text);
  expect(all.length).toBeLessThanOrEqual(60_000);
  expect(Buffer.byteLength(all)).toBeLessThanOrEqual(60_000);
  expect(all).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/u);
  expect(all).toMatch(/Digest `[^`\n]+` over [0-9,]+ bytes/);
  const outside: string[] = [];
  const faults: string[] = [];
  let fence = "";
  for (const line of all.split("\n")) {
    const [run = ""] = /^`{3,}/.exec(line) ?? [];
    if (fence === "" && run !== "") {
      if (line !== `${run}text`) faults.push(line);
      fence = run;
    } else if (fence !== "" && line === fence) {
      fence = "";
    } else if (fence === "") {
      outside.push(line);
    } else if (line.includes(fence)) {
      faults.push(line);
    }
  }
  expect(faults).toEqual([]);
  expect(fence).toBe("");
  const ours = outside.join("\n");
  expect(ours).not.toContain("@");
  expect(ours.replace(/`[^`\n]*`/g, "")).toMatch(/^[A-Za-z0-9 ,.:;*#'\n]*$/);
}
