import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTarget, sanitised, type Target } from "../../../src/protocols/postgres/target.ts";
import { TargetError } from "../../../src/protocols/postgres/target-url.ts";

const read = (url: string): Target => readTarget("appdb", url);
const tcp = (name: string, port: number, address = name) => ({ kind: "tcp", name, address, port });

describe("readTarget", () => {
  it("reads all the parts, percent-decoded", () => {
    const target = read("postgres://b%C3%BCro:p%40ss%2Fw%3A%25+@db.example:6432/my%20db?application_name=migrate");
    expect(target).toMatchObject({
      name: "appdb",
      user: "büro",
      database: "my db",
      hosts: [tcp("db.example", 6432)],
      connectTimeoutSeconds: 10,
      sessionAttributes: "any",
      channelBinding: "prefer",
      settings: new Map([["application_name", "migrate"]]),
    });
    expect(target.password()).toBe("p@ss/w:%+");
  });

  it("reads several hosts, IPv6, sockets and hostaddr as libpq does", () => {
    expect(read("postgresql://u@h1:5433,h2,[::1]:5434/d").hosts).toEqual([
      tcp("h1", 5433),
      tcp("h2", 5432),
      tcp("::1", 5434),
    ]);
    expect(read("postgresql://u@/d?host=h1,h2&port=5433").hosts).toEqual([tcp("h1", 5433), tcp("h2", 5433)]);
    expect(read("postgresql://u@db/d?hostaddr=10.0.0.1").hosts).toEqual([tcp("db", 5432, "10.0.0.1")]);
    const socket = { kind: "socket", path: "/var/run/postgresql/.s.PGSQL.5433" };
    expect(read("postgresql:///d?host=/var/run/postgresql&port=5433&user=u").hosts).toEqual([socket]);
    expect(read("postgresql://u@%2Fvar%2Frun%2Fpostgresql:5433/d").hosts).toEqual([socket]);
    expect(read("postgresql://u@h").database).toBe("u");
  });

  it("verifies by default, but for what does not leave the machine", () => {
    expect(read("postgresql://u@db/d").tls.mode).toBe("verify-full");
    expect(read("postgresql://u@localhost,db/d").tls.mode).toBe("verify-full");
    expect(read("postgresql://u@localhost/d?hostaddr=10.0.0.1").tls.mode).toBe("verify-full");
    expect(read("postgresql://u@127.0.0.1.example/d").tls.mode).toBe("verify-full");
    expect(read("postgresql://u@localhost/d?ssl=true").tls.mode).toBe("verify-full");
    expect(read("postgresql://u@localhost/d?sslrootcert=/ca.pem").tls.mode).toBe("verify-full");
    for (const host of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "%2Ftmp"]) {
      expect(read(`postgresql://u@${host}/d`).tls.mode).toBe("prefer");
    }
    expect(read("postgresql://u@db/d?sslmode=disable").tls.mode).toBe("disable");
  });

  it("reads which methods may be used", () => {
    expect(read("postgresql://u@h/d").requireAuth).toBeUndefined();
    expect(read("postgresql://u@h/d?require_auth=scram-sha-256,md5").requireAuth).toEqual(["md5", "scram-sha-256"]);
    expect(read("postgresql://u@h/d?require_auth=!password,!none").requireAuth).toEqual(["md5", "scram-sha-256"]);
  });

  it("reads the operator's settings", () => {
    const target = read("postgresql://u@h/d?options=-c%20search_path%3Dshop%20--lock-timeout%3D1s");
    expect(target.settings).toEqual(
      new Map([
        ["search_path", "shop"],
        ["lock_timeout", "1s"],
      ]),
    );
  });

  it.each([
    ["", "must begin with"],
    ["mysql://u@h/d", "must begin with"],
    ["postgresql://h/d", "name the user"],
    ["postgresql://u@/d", "name the host"],
    ["postgresql://u@h1,,h2/d", "name the host"],
    ["postgresql://u@h:0/d", "port"],
    ["postgresql://u@h:65536/d", "port"],
    ["postgresql://u@h:x/d", "host must be"],
    ["postgresql://u@h1:1,h2:2,h3:3/d?port=4", "twice"],
    ["postgresql://u@h1,h2,h3/d?port=1,2", "one port, or one for each"],
    ["postgresql://u@h1,h2/d?hostaddr=10.0.0.1", "hostaddr"],
    ["postgresql://u@h/d?hostaddr=db", "hostaddr must be an IP"],
    ["postgresql://u@h/d?host=h2", "twice"],
    ["postgresql://u@h/d?user=v", "twice"],
    ["postgresql://u@h/d?sslmode=disable&sslmode=require", "twice"],
    ["postgresql://u@h/d?sslmode=full", "sslmode must be one of"],
    ["postgresql://u@h/d?sslmode=require&sslrootcert=system", "needs sslmode=verify-full"],
    ["postgresql://u@h/d?sslcert=/c.pem", "go together"],
    ["postgresql://u@h/d?sslmode=prefer&sslnegotiation=direct", "needs sslmode"],
    ["postgresql://u@h/d?sslmode=disable&channel_binding=require", "needs TLS"],
    ["postgresql://u@h/d?connect_timeout=0", "connect_timeout"],
    ["postgresql://u@h/d?require_auth=gss", "no method"],
    ["postgresql://u@h/d?require_auth=md5,!password", "require_auth"],
    ["postgresql://u@h/d?sslmod=require&krbsrvname=x", "unknown parameter sslmod, krbsrvname"],
    ["postgresql://u@h/d?gssencmode=require", "gssencmode"],
    ["postgresql://u@h/d?client_encoding=latin1", "client_encoding"],
    ["postgresql://u@h/d?options=-c%20standard_conforming_strings%3Doff", "standard_conforming_strings"],
    ["postgresql://u@h/d?options=-c%20search_path%3Da,pg_catalog", "pg_catalog"],
    ["postgresql://u@h/d?options=-e", "options"],
    ["postgresql://u@h/d?sslmode", "name=value"],
    ["postgresql://u@%00/d", "percent-encoded"],
    ["postgresql://u:%zz@h/d", "percent-encoded"],
    ["postgresql://u:%ff@h/d", "percent-encoded"],
  ])("refuses %s", (url, message) => {
    expect(() => read(url)).toThrow(TargetError);
    expect(() => read(url)).toThrow(message);
    expect(() => read(url)).toThrow('target "appdb"');
  });
});

describe("a password", () => {
  const SECRET = "hunter22xyz";

  it("is in no printed form of the target", () => {
    const target = read(`postgresql://app:${SECRET}@db:5433,[::1]/shop`);
    const printed = [
      String(target),
      JSON.stringify(target),
      inspect(target, { showHidden: true, depth: 9 }),
      sanitised(target),
    ];
    expect(printed.join()).not.toContain(SECRET);
    expect(sanitised(target)).toBe("postgresql://app@db:5433,[::1]:5432/shop?sslmode=verify-full");
    expect(target.password()).toBe(SECRET);
  });

  it("is not shown by an error, even when a delimiter in it was not encoded", () => {
    const delimiter = fc.constantFrom("/", "?", "#", "@", ":", "%", "&", "=", ",", "[", "]", " ", "", "?a=1&", ":1/");
    const place = fc.constantFrom("@db:x/shop", "@db/shop?nope=1", "@[/", "@db", "@db:5432/shop?sslmode=x");
    fc.assert(
      fc.property(delimiter, delimiter, place, (before, after, rest) => {
        let said = "";
        try {
          said = sanitised(read(`postgresql://app:${before}${SECRET}${after}${rest}`));
        } catch (error) {
          said = error instanceof TargetError ? error.message : "thrown";
        }
        expect(said).not.toContain(SECRET);
        expect(said).not.toBe("thrown");
      }),
      { numRuns: 500 },
    );
  });
});
