import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CHECKS, runChecks, SHOP } from "./clients.ts";
import { type Side, startSide } from "./endpoint.ts";

// Clients that people use, directly and through an allow-all gateway: they must not be able to tell.

let sides: readonly [Side, Side];

beforeAll(async () => {
  sides = [await startSide("nothing", SHOP), await startSide("gateway", SHOP)];
});

afterAll(async () => {
  for (const side of sides) await side.close();
});

describe("through the gateway, as directly", () => {
  it.each(CHECKS.map((check) => [check.name, check] as const).filter(([, { differs }]) => differs === undefined))(
    "runs %s",
    async (_name, check) => {
      const [direct, gateway] = await runChecks(sides, check);
      expect(direct.length).toBeGreaterThan(5);
      expect(gateway).toBe(direct);
    },
  );

  it.each(CHECKS.flatMap(({ name, run, differs }) => (differs === undefined ? [] : [{ name, run, ...differs }])))(
    "runs $name but for one thing: $why",
    async (check) => {
      const [direct, gateway] = await runChecks(sides, check);
      expect(direct).not.toMatch(check.prints);
      expect(gateway).toMatch(check.prints);
    },
  );
});
