import { existsSync } from "node:fs";
import pg from "pg";
import { expect, it } from "vitest";
import { startPostgres } from "./server.ts";

it("starts a server that takes its superuser's password, and leaves nothing behind", async () => {
  const server = await startPostgres({ settings: { work_mem: "1MB" } });
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  expect((await client.query("SHOW work_mem")).rows).toEqual([{ work_mem: "1MB" }]);
  expect((await client.query("SELECT current_user")).rows).toEqual([{ current_user: "postgres" }]);
  await client.end();
  const wrong = new pg.Client({ connectionString: server.url.replace(server.password, "wrong") });
  await expect(wrong.connect()).rejects.toThrow("password authentication failed");
  await server.close();
  expect(existsSync(server.socketDir)).toBe(false);
  expect(() => process.kill(server.pid, 0)).toThrow("ESRCH");
});
