import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeSessionCertificate } from "../../src/gateway/certificate.ts";
import { DialError, type Dialled, dial } from "../../src/gateway/dial.ts";
import { OwnConnection } from "../../src/gateway/query.ts";
import { isWanted, wantedSessions } from "../../src/gateway/session-kind.ts";
import { readTarget } from "../../src/protocols/postgres/index.ts";
import { type LivePostgres, startPostgres } from "../live/server.ts";

const HBA = [
  "host all clear all password",
  "host all hashed all md5",
  "hostnossl all tlsonly all reject",
  "hostssl all plainonly all reject",
  "hostssl all certified all cert",
  "host all trusted all trust",
];
const fixture = join(import.meta.dirname, "fixtures", "log-ins.sql");
const folder = mkdtempSync(join(tmpdir(), "cs-dial-"));
const [ca, otherCa, clientCert, clientKey] = ["ca.pem", "other-ca.pem", "client.pem", "client.key"].map((name) =>
  join(folder, name),
) as [string, string, string, string];

/** With TLS, under a certificate for localhost. */
let safe: LivePostgres;
/** With TLS, under a certificate for another name. */
let alias: LivePostgres;
/** Without TLS, and read-only. */
let plain: LivePostgres;
const opened: Dialled[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  const good = makeSessionCertificate(["localhost", "127.0.0.1", "::1"], new Date());
  const foreign = makeSessionCertificate(["db.example"], new Date());
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=certified"].concat(
      ["-keyout", clientKey, "-out", clientCert],
    ),
    { stdio: "ignore" },
  );
  writeFileSync(ca, good.caPem);
  writeFileSync(otherCa, foreign.caPem);
  const clientCa = readFileSync(clientCert, "utf8");
  safe = await startPostgres({ hba: HBA, fixture, tls: { cert: good.certPem, key: good.keyPem, clientCa } });
  alias = await startPostgres({ hba: HBA, fixture, tls: { cert: foreign.certPem, key: foreign.keyPem } });
  plain = await startPostgres({ hba: HBA, fixture });
  await ask(await call(plain.url), "ALTER SYSTEM SET default_transaction_read_only = on");
  await ask(await call(plain.url), "SELECT pg_reload_conf()");
});

afterEach(() => {
  for (const { socket } of opened.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

afterAll(async () => {
  await Promise.all([safe, alias, plain].map(async (server) => await server.close()));
  rmSync(folder, { recursive: true });
});

async function call(url: string, startup: ReadonlyMap<string, string> = new Map()): Promise<Dialled> {
  const dialled = await dial(readTarget("appdb", url), startup);
  opened.push(dialled);
  return dialled;
}

async function ask(dialled: Dialled, text: string): Promise<(string | null)[]> {
  const own = await OwnConnection.open(dialled, { timeoutMs: 5000 });
  const { rows } = await own.query(text);
  own.close();
  return rows.map((row) => row[0] ?? null);
}

async function failure(url: string): Promise<DialError> {
  const error: unknown = await call(url).catch((thrown: unknown) => thrown);
  if (!(error instanceof DialError)) throw new Error(`no DialError, but ${String(error)}`);
  expect(error.message).toContain('target "appdb" cannot be used');
  expect(error.message).not.toContain("right-password");
  return error;
}

function at(server: LivePostgres, { user = "scrammed", host = "localhost", password = "right-password" } = {}): string {
  return `postgresql://${user}:${encodeURIComponent(password)}@${host}:${server.port}/postgres`;
}

/** A server that does what `serve` says. Returns its port. */
async function pretend(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

describe("logging in", () => {
  it.each(["scrammed", "hashed", "clear", "trusted"])("gets in as %s, with TLS and without", async (user) => {
    for (const mode of ["disable", "require"]) {
      const dialled = await call(`${at(safe, { user })}?sslmode=${mode}`);
      expect(dialled.encrypted).toBe(mode === "require");
      expect(await ask(dialled, "SELECT current_user")).toEqual([user]);
    }
  });

  it("hashes a password that is not ASCII as the server does", async () => {
    for (const password of ["pässwörd ½ Ⅸ", "pässwörd 1⁄2 IX", "pässwo\u0308rd\u00a0½ I\u00adX"]) {
      expect(await ask(await call(at(plain, { user: "prepared", password })), "SELECT 1")).toEqual(["1"]);
    }
  });

  it("says that the password is wrong, what to do, and tries no weaker way", async () => {
    const refusals = () => readFileSync(safe.logFile, "utf8").split("password authentication failed").length;
    const before = refusals();
    const error = await failure(at(safe, { password: "wrong-password" }));
    expect(error.code).toBe("28P01");
    expect(error.message).toContain("check the user and password");
    expect(error.message).not.toContain("wrong-password");
    // A proof that is wrong over TLS is not sent again without it.
    expect(refusals() - before).toBe(1);
  });

  it("binds to the channel where asked to, and fails where that cannot be", async () => {
    const dialled = await call(`${at(safe)}?sslmode=require&channel_binding=require`);
    expect(await ask(dialled, "SELECT 1")).toEqual(["1"]);
    expect((await failure(`${at(safe, { user: "hashed" })}?channel_binding=require`)).message).toContain(
      "channel_binding",
    );
    expect((await failure(`${at(plain)}?channel_binding=require`)).message).toContain("channel_binding");
  });

  it("uses no weaker method than the URL allows", async () => {
    const scramOnly = "?sslmode=disable&require_auth=scram-sha-256";
    expect(await ask(await call(`${at(safe)}${scramOnly}`), "SELECT 1")).toEqual(["1"]);
    for (const user of ["hashed", "clear", "trusted"]) {
      expect((await failure(`${at(safe, { user })}${scramOnly}`)).message).toContain("require_auth=scram-sha-256");
    }
  });

  it("shows a certificate of its own where the URL names one", async () => {
    const url = `postgresql://certified@localhost:${safe.port}/postgres?sslmode=verify-full&sslrootcert=${ca}`;
    const dialled = await call(`${url}&sslcert=${clientCert}&sslkey=${clientKey}`);
    expect(await ask(dialled, "SELECT current_user")).toEqual(["certified"]);
    expect((await failure(url)).message).toContain("certificate");
  });

  it("lets the operator's settings win over the client's", async () => {
    const url = `${at(plain)}?options=-c%20lock_timeout%3D7s`;
    const startup = new Map([
      ["Lock_Timeout", "1s"],
      ["TimeZone", "Asia/Tokyo"],
    ]);
    const text = "SELECT current_setting('lock_timeout') || current_setting('TimeZone')";
    expect(await ask(await call(url, startup), text)).toEqual(["7sAsia/Tokyo"]);
  });
});

describe("sslmode", () => {
  it.each([
    ["disable", "safe", false],
    ["allow", "safe", false],
    ["prefer", "safe", true],
    ["require", "safe", true],
    ["disable", "plain", false],
    ["allow", "plain", false],
    ["prefer", "plain", false],
  ] as const)("%s against the server that is %s", async (mode, server, encrypted) => {
    const dialled = await call(`${at(server === "safe" ? safe : plain)}?sslmode=${mode}`);
    expect(dialled.encrypted).toBe(encrypted);
    expect(await ask(dialled, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).toEqual([
      encrypted ? "t" : "f",
    ]);
  });

  it.each(["require", "verify-ca", "verify-full"])("%s fails where there is no TLS, and says so", async (mode) => {
    expect((await failure(`${at(plain)}?sslmode=${mode}`)).message).toContain("does not offer TLS");
  });

  it("tries the other way where the server refuses one, for allow and prefer only", async () => {
    const [tlsOnly, plainOnly] = [at(safe, { user: "tlsonly" }), at(safe, { user: "plainonly" })];
    expect((await call(`${tlsOnly}?sslmode=allow`)).encrypted).toBe(true);
    expect((await call(`${plainOnly}?sslmode=prefer`)).encrypted).toBe(false);
    expect((await failure(`${tlsOnly}?sslmode=disable`)).code).toBe("28000");
    expect((await failure(`${plainOnly}?sslmode=require`)).message).toContain("pg_hba.conf");
  });

  it("verifies the authority and the name as far as each mode says", async () => {
    for (const host of ["localhost", "127.0.0.1"]) {
      const url = `${at(safe, { host })}?sslmode=verify-full&sslrootcert=${ca}`;
      expect((await call(url)).encrypted).toBe(true);
    }
    expect((await call(`${at(alias)}?sslmode=verify-ca&sslrootcert=${otherCa}`)).encrypted).toBe(true);
    expect((await call(`${at(alias)}?sslmode=require`)).encrypted).toBe(true);
    const named = `${at(alias, { host: "db.example" })}?sslmode=verify-full&sslrootcert=${otherCa}&hostaddr=127.0.0.1`;
    expect((await call(named)).encrypted).toBe(true);
  });

  it.each([
    ["verify-full without an authority", () => `${at(safe)}?sslmode=verify-full`, "write sslrootcert="],
    ["verify-ca without an authority", () => `${at(safe)}?sslmode=verify-ca`, "write sslrootcert="],
    ["verify-ca by the wrong authority", () => `${at(safe)}?sslmode=verify-ca&sslrootcert=${otherCa}`, "sslrootcert"],
    ["require by the wrong authority", () => `${at(safe)}?sslmode=require&sslrootcert=${otherCa}`, "not signed"],
    ["verify-full under another name", () => `${at(alias)}?sslrootcert=${otherCa}`, "DNS:db.example"],
    ["a certificate that is not there", () => `${at(safe)}?sslrootcert=${folder}/none.pem`, "ENOENT"],
    ["a certificate that is none", () => `${at(safe)}?sslrootcert=${fixture}`, "no PEM"],
  ])("refuses %s", async (_, url, message) => {
    expect((await failure(url())).message).toContain(message);
  });
});

describe("hosts", () => {
  it("reaches a Unix socket, which is never encrypted", async () => {
    const dialled = await call(`${at(safe, { host: encodeURIComponent(safe.socketDir) })}?sslmode=require`);
    expect(dialled.encrypted).toBe(false);
    expect(await ask(dialled, "SELECT coalesce(inet_client_addr()::text, 'socket')")).toEqual(["socket"]);
  });

  it("reaches IPv6 and verifies its certificate", async () => {
    // A machine without ::1 cannot show more than that the address is understood.
    const target = safe.ipv6 ? at(safe, { host: "[::1]" }) : at(safe, { host: "127.0.0.1" });
    const dialled = await call(`${target}?sslmode=verify-full&sslrootcert=${ca}`);
    expect(await ask(dialled, "SELECT host(inet_server_addr())")).toEqual([safe.ipv6 ? "::1" : "127.0.0.1"]);
  });

  it("goes on to the next host where one is dead, and names all where all are", async () => {
    const dead = await pretend(createServer());
    servers.pop()?.close();
    const both = `postgresql://scrammed:right-password@localhost:${dead},localhost:${safe.port}/postgres`;
    expect((await call(both)).host).toBe(`localhost:${safe.port}`);
    const none = await failure(`postgresql://scrammed:right-password@localhost:${dead},127.0.0.1:${dead}/postgres`);
    expect(none.message).toContain(`localhost:${dead}: nothing listens there`);
    expect(none.message).toContain(`127.0.0.1:${dead}: nothing listens there`);
  });

  it("tries no other host once one refused the password", async () => {
    const url = `postgresql://scrammed:wrong@localhost:${safe.port},localhost:${plain.port}/postgres`;
    expect((await failure(url)).message).not.toContain(String(plain.port));
  });

  it("finds the server that target_session_attrs asks for, and leaves its stream whole", async () => {
    const both = `postgresql://scrammed:right-password@localhost:${plain.port},localhost:${safe.port}/postgres`;
    for (const [attributes, server] of [
      ["any", plain],
      ["read-write", safe],
      ["read-only", plain],
      ["primary", plain],
      ["prefer-standby", plain],
    ] as const) {
      const dialled = await call(`${both}?target_session_attrs=${attributes}`);
      expect(dialled.host).toBe(`localhost:${server.port}`);
      expect(await ask(dialled, "SELECT 1")).toEqual(["1"]);
    }
    expect((await failure(`${both}?target_session_attrs=standby`)).message).toContain("not standby");
  });

  it("looks for a standby first, and then for any", () => {
    expect(wantedSessions(readTarget("t", "postgresql://u@h/d?target_session_attrs=prefer-standby"))).toEqual([
      "standby",
      "any",
    ]);
    expect(isWanted("standby", { standby: true, readOnly: true })).toBe(true);
    expect(isWanted("primary", { standby: true, readOnly: true })).toBe(false);
    expect(isWanted("read-write", { standby: true, readOnly: true })).toBe(false);
  });
});

describe("a server that does not behave", () => {
  const url = (port: number, more: string): string => `postgresql://u:right-password@127.0.0.1:${port}/d?${more}`;

  it("is given up on after connect_timeout, wherever it stops", async () => {
    for (const answer of ["", "S"]) {
      const port = await pretend(createServer((socket) => socket.on("error", () => undefined).write(answer)));
      const started = performance.now();
      const error = await failure(url(port, "sslmode=require&connect_timeout=1"));
      expect(error.message).toContain("no answer within 1 s");
      expect(performance.now() - started).toBeLessThan(3000);
    }
  });

  it("cannot slip bytes in before encryption", async () => {
    const slip = (socket: Socket): unknown =>
      socket.on("error", () => undefined).once("data", () => socket.write("SR"));
    const port = await pretend(createServer(slip));
    expect((await failure(url(port, "sslmode=require"))).message).toContain("bytes before encryption");
  });

  it("is told from a web server", async () => {
    const port = await pretend(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
    expect((await failure(url(port, "sslmode=disable"))).message).toContain("is this a PostgreSQL server?");
    const closing = await pretend(createServer((socket) => socket.destroy()));
    expect((await failure(url(closing, "sslmode=disable"))).message).toContain("is this a PostgreSQL server?");
  });
});

describe("direct TLS", () => {
  it("begins with the handshake, and needs the server to say that it speaks PostgreSQL", async () => {
    const made = makeSessionCertificate(["localhost"], new Date());
    const path = join(folder, "direct.pem");
    writeFileSync(path, made.caPem);
    const ok = Buffer.from("5200000008000000005a0000000549", "hex");
    const outcomes: string[] = [];
    for (const ALPNProtocols of [["postgresql"], ["http/1.1"], undefined]) {
      const answer = (socket: Socket): unknown =>
        socket.on("error", () => undefined).once("data", () => socket.write(ok));
      const options = { cert: made.certPem, key: made.keyPem, ...(ALPNProtocols && { ALPNProtocols }) };
      const port = await pretend(createTlsServer(options, answer));
      const url = `postgresql://u@localhost:${port}/d?sslnegotiation=direct&sslmode=verify-full&sslrootcert=${path}`;
      outcomes.push(await call(url).then(({ rest }) => Buffer.from(rest).toString("latin1"), String));
    }
    expect(outcomes[0]).toBe("Z\0\0\0\x05I");
    expect(outcomes[1]).toContain("TLS");
    expect(outcomes[2]).toContain("ALPN");
  });

  it("fails in words against a server that is too old for it", async () => {
    const answer = safe.majorVersion >= 17 ? "" : "needs PostgreSQL 17";
    const url = `${at(safe)}?sslnegotiation=direct&sslmode=verify-full&sslrootcert=${ca}`;
    const outcome = await call(url).then(
      () => "",
      (error: unknown) => String(error),
    );
    expect(outcome).toContain(answer);
  });
});
