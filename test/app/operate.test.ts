import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRICS } from "../../app/http/metrics.ts";
import { readBlueprint } from "../../app/set-up/manifest.ts";
import { blocksOf, codeIn, rowsUnder } from "../documents.ts";

// What docs/operate.md, the README and app.yml say of the App, against what it does.

const blocks = blocksOf("docs/operate.md");
const blockOf = (language: string) => blocks.find((each) => each.language === language)?.text ?? "";
const variables = rowsUnder("docs/operate.md", "variable", "what it is").map(([name = ""]) => codeIn(name));

describe("docs/operate.md", () => {
  it("describes each variable that is read, and no other", () => {
    const source = readFileSync("app/config.ts", "utf8");
    const read = [...source.matchAll(/(?:text|count|address)\(\s*"([A-Z_]+)"/g)].map(([, name = ""]) => name);
    const files = [...source.matchAll(/pem\(\s*"([A-Z_]+)"/g)].flatMap(([, name = ""]) => [name, `${name}_PATH`]);
    const folder = ["COUNTERSIGN_STATE_DIR"].filter((name) => source.includes(`env["${name}"]`));
    expect(read.length).toBeGreaterThan(10);
    expect(variables.toSorted()).toEqual([...new Set([...read, ...files, ...folder])].toSorted());
  });

  it("has a compose file whose App is given variables that there are, with one port on this machine alone", () => {
    const compose = parse(blockOf("yaml")) as {
      services: Record<string, { environment: Record<string, string>; ports?: string[]; secrets?: string[] }>;
      secrets: Record<string, { file: string }>;
      volumes: Record<string, unknown>;
    };
    expect(Object.keys(compose.services)).toEqual(["app", "database"]);
    const app = compose.services["app"];
    const known = Object.keys(app?.environment ?? {});
    expect(known.filter((name) => !variables.includes(name))).toEqual([]);
    expect(known).toEqual(expect.arrayContaining(["COUNTERSIGN_URL", "DATABASE_URL", "COUNTERSIGN_KEY_PATH"]));
    expect(app?.ports).toEqual(["127.0.0.1:3000:3000"]);
    expect(Object.keys(compose.secrets)).toEqual(app?.secrets);
    // Every path of a secret is one that is mounted.
    const paths = Object.values(app?.environment ?? {}).filter((value) => value.startsWith("/run/secrets/"));
    expect(paths.map((path) => path.replace("/run/secrets/", ""))).toEqual(app?.secrets);
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(blockOf("yaml")).toContain(`/package/countersign-${version}.tgz`);
  });

  it("has a unit that systemd takes", () => {
    const unit = blockOf("ini");
    const lines = unit.split("\n").filter((line) => line !== "");
    expect(lines.filter((line) => !/^(?:\[(?:Unit|Service|Install)\]|[A-Z]\w*=.*)$/.test(line))).toEqual([]);
    expect(lines).toEqual(
      expect.arrayContaining(["DynamicUser=yes", "StateDirectoryMode=0700", "NoNewPrivileges=yes"]),
    );
    const folder = mkdtempSync(join(tmpdir(), "countersign-unit-"));
    try {
      const path = join(folder, "countersign.service");
      writeFileSync(path, unit);
      const { status, error, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", path], {
        encoding: "utf8",
      });
      // Where there is no systemd the shape above is all that can be said.
      expect([error === undefined ? status : 0, error === undefined ? stderr : ""]).toEqual([0, ""]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("can speak of every metric that is counted anywhere in the App: it is kept", () => {
    const files = readdirSync("app", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    const counted = files.flatMap((file) =>
      [...readFileSync(join("app", file), "utf8").matchAll(/\.(?:count|took)\(\s*"([a-z_]+)"/g)].map(
        ([, name = ""]) => name,
      ),
    );
    expect(counted.length).toBeGreaterThan(4);
    expect(counted.filter((name) => METRICS[name] === undefined)).toEqual([]);
  });
});

describe("app.yml", () => {
  const blueprint = readBlueprint(readFileSync("app.yml", "utf8"));

  it("gives a reason for each permission, which the README repeats", () => {
    const rows = rowsUnder("README.md", "permission of the App", "level", "why");
    const told = rows.map(([name = "", level = "", why = ""]) => ({ name: codeIn(name), level, why }));
    expect(blueprint.permissions.length).toBeGreaterThanOrEqual(6);
    expect(told).toEqual(blueprint.permissions);
  });

  it("asks for no more than was agreed", () => {
    const asked = blueprint.permissions.map(({ name, level }) => `${name}: ${level}`);
    expect(asked.toSorted()).toEqual([
      "actions: read",
      "checks: write",
      "contents: write",
      "issues: write",
      "members: read",
      "metadata: read",
      "pull_requests: write",
    ]);
    expect(blueprint.isPublic).toBe(false);
  });

  it("is refused where a permission has no reason", () => {
    const text =
      "name: a\ndescription: b\nurl: c\npublic: false\ndefault_events: []\ndefault_permissions:\n  checks: write\n";
    expect(() => readBlueprint(text)).toThrow("gives no reason for checks");
  });
});
