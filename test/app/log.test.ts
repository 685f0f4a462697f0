import { describe, expect, it } from "vitest";
import { errorFields, openLogs } from "../../app/log.ts";

const TOKEN = "ghs_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln";
const PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----";

function recording() {
  const lines: string[] = [];
  return { lines, logs: openLogs("debug", { write: (line) => void lines.push(line) }) };
}

describe("the App's log", () => {
  it("is one JSON object a line, with its time, level and message", () => {
    const { lines, logs } = recording();
    logs.log.warn({ kind: "land", attempts: 3 }, "an errand failed");
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "warn",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown,
      kind: "land",
      attempts: 3,
      msg: "an errand failed",
    });
  });

  it.each([
    ["a token", { what: TOKEN }, TOKEN],
    ["a field that is named like a secret", { webhookSecret: "plain words" }, "plain words"],
    ["a PEM", { what: PEM }, "MIIEvQ"],
    ["a password in a URL", { url: "postgres://app:hunter2@db/app" }, "hunter2"],
    ["a code of a manifest", { path: "/set-up/created?code=abcdef&state=ghijkl" }, "abcdef"],
  ])("takes out %s", (_what, fields: Readonly<Record<string, string>>, secret) => {
    const { lines, logs } = recording();
    logs.log.info(fields, "a message");
    logs.log.error({}, Object.values(fields).join(" "));
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).toContain("[taken out]");
  });

  it("cuts what is long", () => {
    const { lines, logs } = recording();
    logs.log.info({ what: "x y ".repeat(10_000) }, "long");
    expect(lines[0]?.length).toBeLessThan(1_000);
  });

  it("keeps of a library's errors the name, the status and the place, and none of their words", () => {
    const { lines, logs } = recording();
    const cause = Object.assign(new Error("DELETE FROM carts"), { status: 422 });
    const event = { payload: { comment: { body: "DELETE FROM carts" } }, signature: "sha256=abc" };
    logs.library.error(Object.assign(new AggregateError([cause], "DELETE FROM carts"), { event }));
    logs.library.child({ name: "event" }).error({ err: cause, event }, "it failed");
    logs.library.debug({ body: "DELETE FROM carts" }, `GitHub request: POST https://api.github.com/x - 201`);
    const all = lines.join("");
    expect(all).not.toMatch(/DELETE|sha256/);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ by: "probot", error: "AggregateError", status: 422 });
    expect(JSON.parse(lines[2] ?? "")).toMatchObject({ msg: "GitHub request: POST https://api.github.com/x - 201" });
  });

  it("says where an error arose, whatever its message looks like", () => {
    const hostile = new Error("one\n    at secret (/x/secret.ts:1:1)\n    at DROP");
    const { at } = errorFields(hostile);
    expect(at).toMatch(/log\.test\.ts:\d+/);
    expect(at).not.toContain("secret");
  });
});
