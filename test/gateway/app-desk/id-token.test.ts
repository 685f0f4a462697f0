// Where a token comes from, with a runner's token service on this machine; and what is said where there is none.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { IdTokenError, idToken } from "../../../src/gateway/app-desk/id-token.ts";

const APP = "https://countersign.example.com";
const CLAIMS = Buffer.from(JSON.stringify({ repository: "octo/shop" })).toString("base64url");
const TOKEN = `aGVhZA.${CLAIMS}.c2ln`;

let folder: string;
let service: Server;
let url: string;
let asked: { readonly url: string; readonly authorization: string }[];
let answers: { readonly status: number; readonly body: string }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cs-token-"));
  asked = [];
  answers = [];
  service = createServer((request, response) => {
    asked.push({ url: request.url ?? "", authorization: request.headers.authorization ?? "" });
    const { status, body } = answers.shift() ?? { status: 200, body: JSON.stringify({ value: TOKEN }) };
    response.writeHead(status);
    response.end(body);
  });
  await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
  const address = service.address();
  url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/token?api-version=2`;
});

afterEach(async () => {
  await new Promise((resolve) => service.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const runner = () => ({
  GITHUB_ACTIONS: "true",
  ACTIONS_ID_TOKEN_REQUEST_URL: url,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: "bearer-of-the-job",
});

describe("a runner's token", () => {
  it("is asked for with the App's URL as its audience, and says which repository it is of", async () => {
    expect(await idToken(runner(), APP)).toEqual({ token: TOKEN, repository: "octo/shop" });
    expect(asked).toEqual([
      {
        url: "/token?api-version=2&audience=https%3A%2F%2Fcountersign.example.com",
        authorization: "Bearer bearer-of-the-job",
      },
    ]);
  });

  it("is asked for again when the service fails for a moment", async () => {
    answers.push({ status: 503, body: "" }, { status: 429, body: "" });
    expect(await idToken(runner(), APP)).toMatchObject({ token: TOKEN });
    expect(asked).toHaveLength(3);
  });

  it("that the service refuses is an error, in which nothing of the job's bearer stands", async () => {
    answers.push({ status: 403, body: "bearer-of-the-job" });
    const error = await idToken(runner(), APP).catch((each: unknown) => each);
    expect(error).toBeInstanceOf(IdTokenError);
    expect(String(error)).toContain("answered 403");
    expect(String(error)).not.toContain("bearer-of-the-job");
  });

  it.each(["", "no token", "a.b.c", `aGVhZA.${Buffer.from("{}").toString("base64url")}.c2ln`])(
    "that is %j is refused",
    async (value) => {
      answers.push({ status: 200, body: JSON.stringify({ value }) });
      await expect(idToken(runner(), APP)).rejects.toThrow("names no repository");
    },
  );
});

describe("a job without a token to ask for", () => {
  const event = (head: string): NodeJS.ProcessEnv => {
    const path = join(folder, "event.json");
    const repo = (name: string) => ({ repo: { full_name: name } });
    writeFileSync(path, JSON.stringify({ pull_request: { head: repo(head), base: repo("octo/shop") } }));
    return { GITHUB_ACTIONS: "true", GITHUB_EVENT_PATH: path };
  };

  it("hears of the permission that is missing", async () => {
    await expect(idToken({ GITHUB_ACTIONS: "true" }, APP)).rejects.toThrow("permissions: { id-token: write");
    await expect(idToken(event("octo/shop"), APP)).rejects.toThrow("permissions: { id-token: write");
  });

  it("of a fork hears that forks get none", async () => {
    await expect(idToken(event("mallory/shop"), APP)).rejects.toThrow("pull request from a fork");
  });

  it("on no runner hears what else there is", async () => {
    await expect(idToken({}, APP)).rejects.toThrow("COUNTERSIGN_ID_TOKEN_FILE");
  });

  it("may name a file", async () => {
    const path = join(folder, "token");
    writeFileSync(path, `${TOKEN}\n`);
    expect(await idToken({ COUNTERSIGN_ID_TOKEN_FILE: path }, APP)).toMatchObject({ token: TOKEN });
    await expect(idToken({ COUNTERSIGN_ID_TOKEN_FILE: join(folder, "none") }, APP)).rejects.toThrow("cannot be read");
  });
});
