// How a client may come in, against the gateway with a real server behind it: by TLS of both kinds, with channel binding,
// by protocol 3.2; and what is turned away at the door.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openRaw, query } from "./raw-client.ts";
import { type LivePostgres, startPostgres } from "./server.ts";
import { type LiveSession, startSession } from "./session.ts";

const run = promisify(execFile);
const POLICY =
  "version: 1\ntargets: { appdb: { protocol: postgres } }\nrules:\n  - { name: reads, match: { effects: [read, session] }, decide: allow }\n";

let server: LivePostgres;
let session: LiveSession;
let directory: string;
let authority: string;

beforeAll(async () => {
  server = await startPostgres();
  session = await startSession({
    policy: POLICY,
    target: "appdb",
    url: server.url,
    people: async () => await Promise.resolve("refused"),
  });
  directory = mkdtempSync(join(tmpdir(), "cs-entrance-"));
  authority = join(directory, "ca.pem");
  writeFileSync(authority, session.certificate.caPem);
});

afterAll(async () => {
  await session.close();
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function psql(settings: string): Promise<string> {
  const { host, port, user, password, database } = session.endpoint;
  const { stdout } = await run(
    "psql",
    ["-XAtc", "SELECT 42", `host=${host} port=${port} user=${user} dbname=${database} ${settings}`],
    {
      env: { ...process.env, PGPASSWORD: password },
    },
  );
  return stdout.trim();
}

async function plain(): Promise<Socket> {
  const { host, port } = session.endpoint;
  const socket = connect({ host, port });
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

/** Everything that comes until the other side closes, or nothing came for a while. */
async function all(socket: Socket | TLSSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return await new Promise((resolve) => {
    const done = (): void => {
      socket.destroy();
      resolve(Buffer.concat(chunks));
    };
    let timer = setTimeout(done, 1_500);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      clearTimeout(timer);
      timer = setTimeout(done, 300);
    });
    socket.on("close", done);
    socket.on("error", done);
  });
}

function packet(code: number, rest = ""): Buffer {
  const body = Buffer.from(rest, "latin1");
  const bytes = Buffer.alloc(8 + body.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(code, 4);
  bytes.set(body, 8);
  return bytes;
}

const SSL = (1234 << 16) | 5679;
const GSS = (1234 << 16) | 5680;
const startup = (minor: number, more = ""): Buffer => {
  const { user, database } = session.endpoint;
  return packet((3 << 16) | minor, `user\0${user}\0database\0${database}\0${more}\0`);
};

describe("a client comes in", () => {
  it.each([
    ["in the clear", "sslmode=disable"],
    ["by TLS", "sslmode=require"],
    ["by TLS, having verified who it is", "sslmode=verify-full sslrootcert="],
    [
      "bound to the channel, which is this session's own (pg.wire.scram-channel-binding)",
      "sslmode=verify-full channel_binding=require sslrootcert=",
    ],
  ])("%s", async (_name, settings) => {
    const rooted = settings.endsWith("sslrootcert=") ? `${settings}${authority}` : settings;
    expect(await psql(rooted)).toBe("42");
  });

  it("by direct TLS with ALPN postgresql (pg.wire.direct-tls)", async () => {
    const { host, port } = session.endpoint;
    const socket = connectTls({
      host,
      port,
      ca: session.certificate.caPem,
      servername: "localhost",
      ALPNProtocols: ["postgresql"],
    });
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
    });
    socket.write(startup(0));
    expect((await all(socket)).toString("latin1")).toContain("SCRAM-SHA-256-PLUS");
  });

  it("by protocol 3.2, and by a newer one that is told what is spoken here (pg.wire.protocol-3-2)", async () => {
    const two = await plain();
    two.write(startup(2));
    expect((await all(two))[0]).toBe("R".charCodeAt(0));
    const newer = await plain();
    newer.write(startup(9999, "_pq_.something\0on\0"));
    const said = await all(newer);
    expect(String.fromCharCode(said[0] ?? 0)).toBe("v");
    expect(said.readUInt32BE(5)).toBe((3 << 16) | 2);
    expect(said.toString("latin1")).toContain("_pq_.something");
  });

  it("is told that there is no GSS encryption (pg.wire.gssenc-request)", async () => {
    const socket = await plain();
    socket.write(packet(GSS));
    expect((await all(socket)).toString("latin1")).toBe("N");
  });
});

describe("turned away at the door", () => {
  it.each([
    ["direct TLS without ALPN", undefined],
    ["direct TLS for another protocol", ["http/1.1"]],
  ])("%s", async (_name, protocols) => {
    const { host, port } = session.endpoint;
    const socket = connectTls({
      host,
      port,
      ca: session.certificate.caPem,
      servername: "localhost",
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    });
    socket.on("secureConnect", () => socket.write(startup(0)));
    expect((await all(socket)).toString("latin1")).not.toContain("SCRAM");
  });

  it("bytes stuffed behind a request for encryption", async () => {
    const socket = await plain();
    socket.write(Buffer.concat([packet(SSL), startup(0)]));
    const said = (await all(socket)).toString("latin1");
    expect(said).not.toContain("SCRAM");
    expect(said).toContain("08P01");
  });

  it.each([
    ["protocol 2 (pg.wire.protocol-2)", () => packet(2 << 16, "x".repeat(288)), "08P01"],
    ["replication", () => startup(0, "replication\0database\0"), "replication"],
    [
      "a setting that changes how text is read",
      () => startup(0, "standard_conforming_strings\0off\0"),
      "standard_conforming_strings",
    ],
    ["such a setting in options", () => startup(0, "options\0-c search_path=attacker,\\ pg_catalog\0"), "search_path"],
    ["another user", () => packet(3 << 16, "user\0somebody\0\0"), "28000"],
    ["another database", () => packet(3 << 16, `user\0${session.endpoint.user}\0database\0other\0\0`), "3D000"],
    [
      "a start-up packet of a megabyte (pg.wire.startup-oversize)",
      () => Buffer.concat([Buffer.from([0, 0x10, 0, 0, 0, 3, 0, 0]), Buffer.alloc(1024)]),
      "08P01",
    ],
  ])("%s", async (_name, bytes, expected) => {
    const socket = await plain();
    socket.write(bytes());
    const said = (await all(socket)).toString("latin1");
    expect(said).toContain(expected);
    expect(said).not.toContain("SCRAM");
  });

  it("a wrong password", async () => {
    const { host, port, user, database } = session.endpoint;
    const wrong = run("psql", ["-XAtc", "SELECT 1", `host=${host} port=${port} user=${user} dbname=${database}`], {
      env: { ...process.env, PGPASSWORD: "guess" },
    });
    await expect(wrong).rejects.toThrow("password authentication failed");
  });
});

describe("once in", () => {
  it("has left no word of its log-in in what is recorded (pg.wire.password-in-log)", async () => {
    const { password } = session.endpoint;
    expect(await psql("sslmode=disable")).toBe("42");
    expect(await psql("sslmode=require")).toBe("42");
    const files = readdirSync(session.directory, { recursive: true, encoding: "utf8", withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), "utf8"));
    const disclosed = files
      .flatMap((text) => [...text.matchAll(/"disclosure":"([^"]+)"/g)])
      .map(([, value = ""]) => Buffer.from(value, "base64url").toString());
    expect(disclosed.join("\n")).toContain("SELECT 42");
    for (const text of [...files, ...disclosed]) {
      expect(text).not.toContain(password);
      expect(text).not.toContain(server.password);
      expect(text).not.toMatch(/SCRAM-SHA-256|n=,r=|c=biws|,p=/);
    }
  });

  it.each([
    ["over what one message may be", 0xff_ff_ff_ff],
    ["that is negative to a client of 32 bits", 0x80_00_00_10],
  ])("is sent away for a length %s (pg.wire.oversize-3gb-split)", async (_what, length) => {
    const client = await openRaw(session.endpoint);
    const header = Buffer.from([0x51, 0, 0, 0, 0]);
    header.writeUInt32BE(length, 1);
    const from = session.events().length;
    client.send(header, Buffer.from("DROP TABLE customers\0"));
    await client.closed;
    const [closed] = session
      .events()
      .slice(from)
      .filter(({ type }) => type === "connection.closed");
    expect(closed?.body["why"]).not.toBe("client left");
  });

  it("has its bytes read by the lengths in them, so what a wrapped length leaves over is a command of its own", async () => {
    // A query of 4 GiB and 14 bytes, whose client wrote 32 bits of its length: the rest spells a second query.
    const client = await openRaw(session.endpoint);
    const from = session.events().length;
    client.send(query("SELECT 11"), query("DROP TABLE customers"));
    const answers = await client.receive(2);
    expect(answers.filter(({ type }) => type === "E")).toHaveLength(1);
    client.destroy();
    const decided = session
      .events()
      .slice(from)
      .filter(({ type }) => type === "command.decided");
    expect(decided.map(({ body }) => body["decision"])).toEqual(["allow", "deny"]);
  });

  it("is judged by the text that came, in which a driver's -1 began a comment (pg.wire.jdbc-simple-negative)", async () => {
    // Of the template `UPDATE customers SET credit = 1-$1 WHERE id = 3`.
    const client = await openRaw(session.endpoint);
    const from = session.events().length;
    client.send(query("UPDATE customers SET credit = 1--1 WHERE id = 3"));
    await client.receive();
    client.destroy();
    const [seen] = session
      .events()
      .slice(from)
      .filter(({ type }) => type === "command.seen");
    expect(seen?.body).toMatchObject({ effects: ["write"], bounded: false });
  });
});
