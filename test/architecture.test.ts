import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, it } from "vitest";

// Who may import whom. A room absent from a list is out of bounds; a room absent
// from this table fails the test, so nobody adds a room without placing it.
const ROOMS: Readonly<Record<string, { readonly rooms: readonly string[]; readonly packages: readonly RegExp[] }>> = {
  "src/model": { rooms: [], packages: [] },
  "src/bytes": { rooms: [], packages: [] },
  "src/tlog": { rooms: ["src/bytes"], packages: [/^node:crypto$/] },
  "src/languages": { rooms: ["src/model"], packages: [/^libpg-query$/] },
  "src/protocols": {
    rooms: ["src/model", "src/bytes", "src/languages"],
    packages: [/^node:assert/, /^node:buffer$/, /^node:crypto$/],
  },
  "src/masking": { rooms: ["src/model"], packages: [/^node:crypto$/] },
  "src/policy": { rooms: ["src/model"], packages: [] },
  "src/approval": { rooms: ["src/model"], packages: [] },
  "src/journal": { rooms: ["src/model", "src/tlog"], packages: [/^node:crypto$/, /^node:assert/] },
  "src/evidence": {
    rooms: ["src/model", "src/journal", "src/tlog"],
    packages: [/^node:crypto$/, /^node:assert/, /^node:zlib$/],
  },
  "src/config": { rooms: ["src/model", "src/policy", "src/masking"], packages: [/^yaml$/, /^zod$/, /^node:crypto$/] },
  "src/gateway": {
    rooms: [
      "src/model",
      "src/bytes",
      "src/tlog",
      "src/languages",
      "src/protocols",
      "src/masking",
      "src/policy",
      "src/approval",
      "src/journal",
      "src/evidence",
      "src/config",
    ],
    packages: [/^node:/, /^@peculiar\/x509$/, /^reflect-metadata$/],
  },
  "src/github": {
    rooms: ["src/model", "src/tlog", "src/approval", "src/evidence"],
    packages: [/^@octokit\//, /^node:(?:buffer|crypto)$/],
  },
  "src/cli": {
    rooms: [
      "src/model",
      "src/bytes",
      "src/tlog",
      "src/languages",
      "src/protocols",
      "src/masking",
      "src/policy",
      "src/approval",
      "src/journal",
      "src/evidence",
      "src/config",
      "src/gateway",
      "src/github",
    ],
    packages: [/^node:/, /^package\.json$/],
  },
  app: {
    rooms: [
      "src/model",
      "src/bytes",
      "src/tlog",
      "src/masking",
      "src/policy",
      "src/approval",
      "src/journal",
      "src/evidence",
      "src/config",
      "src/github",
    ],
    packages: [
      /^probot$/,
      /^@octokit\//,
      /^@electric-sql\/pglite$/,
      /^pg$/,
      /^pino$/,
      /^jose$/,
      /^smee-client$/,
      /^yaml$/,
      /^node:/,
      /^package\.json$/,
    ],
  },
  action: { rooms: ["src/model", "src/config", "src/gateway", "src/cli"], packages: [/^@actions\//, /^node:/] },
};

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

const imports = readImports(["src", "app", "action"]);
const sources = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

describe("the rooms keep to themselves", () => {
  it("sees the code it is judging", () => {
    expect(new Set(imports.map((each) => each.room)).size).toBeGreaterThanOrEqual(10);
    expect(sources.length).toBeGreaterThanOrEqual(40);
  });

  it.each(imports)("$file may import $target", ({ room, target }) => {
    const law = ROOMS[room];
    expect(law, `${room} has no place in ROOMS`).toBeDefined();
    const home = roomOf(target);
    const allowed =
      home === undefined ? law?.packages.some((each) => each.test(target)) : home === room || law?.rooms.includes(home);
    expect(allowed, `${room} may not import ${target}`).toBe(true);
  });

  it("never enters a protocol but by its door", () => {
    const inside = /^src\/protocols\/([a-z]+)\/(?!index\.ts$)/;
    const trespass = imports.filter(({ file, target }) => {
      const protocol = inside.exec(target)?.[1];
      return protocol !== undefined && !file.startsWith(`src/protocols/${protocol}/`);
    });
    expect(trespass).toEqual([]);
  });
});

function readImports(roots: readonly string[]): Import[] {
  const files = roots.flatMap((root) =>
    readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(root, name)),
  );
  return files.flatMap((file) =>
    [
      ...readFileSync(file, "utf8").matchAll(/^(?:import|export)\b[^;]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm),
    ].map((match) => {
      const specifier = match[1] ?? match[2] ?? "";
      const target = specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : specifier;
      return { file, room: roomOf(file) ?? file, target };
    }),
  );
}

function roomOf(path: string): string | undefined {
  return /^(src\/[a-z]+|app|action)\//.exec(path)?.[1];
}
