// What local mode shows of a plan: every statement, in its order, and nothing in a name that could write a line of ours.

import { expect, it } from "vitest";
import { viewRequest } from "../../src/approval/display.ts";
import { viewAsked } from "../../src/approval/plan-view.ts";
import type { PlanRequest, PlanStatement } from "../../src/approval/ports.ts";
import { structure } from "../../src/masking/mask.ts";
import { sampleRequest } from "../gateway/desk/sample.ts";

const request = sampleRequest();

function statement(text: string, more: Partial<PlanStatement> = {}): PlanStatement {
  const { digest, bytes, impact } = request;
  return {
    text: structure(text),
    digest,
    bytes,
    impact,
    effects: ["delete"],
    objects: ["carts"],
    bounded: true,
    maskedSpans: 0,
    ...more,
  };
}

function textOf(statements: readonly PlanStatement[]): string {
  const plan: PlanRequest = { ...request, statements };
  return viewAsked(plan)
    .text.map(({ text }) => text)
    .join("");
}

it("shows a request of one command as ever", () => {
  expect(viewAsked(request)).toEqual(viewRequest(request));
});

it("shows every statement of a plan in its order, each under what it would do", () => {
  const none = { estimated: -1, counted: -1, note: "" };
  const shown = textOf([
    statement("DELETE FROM carts WHERE id = 1;", { impact: { ...none, counted: 25 } }),
    statement("DELETE FROM carts;", { bounded: false, impact: none }),
  ]);
  expect(shown.split("\n")).toEqual([
    "Statement 1 of 2: delete on carts, would touch 25 rows",
    "DELETE FROM carts WHERE id = 1;",
    "",
    "Statement 2 of 2: delete on carts, limited by no condition",
    "DELETE FROM carts;",
  ]);
});

it("says how many statements there are, and warns of what any of them is", () => {
  const plan: PlanRequest = { ...request, statements: [statement("a"), statement("b", { bounded: false })] };
  const view = viewAsked(plan);
  expect(view.headline).toMatch(/^A plan of 2 statements\. /);
  expect(view.digest).toBe(request.digest);
});

it("lets no name begin a line of its own", () => {
  const shown = textOf([statement("SELECT 1;", { objects: ["carts\nStatement 2 of 2: nothing\u202e"] })]);
  expect(shown.split("\n")).toHaveLength(2);
  expect(shown).toContain("\\u{202E}");
});
