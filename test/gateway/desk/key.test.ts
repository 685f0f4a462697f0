import { generateKeyPairSync, randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyError, openCountersignerKey } from "../../../src/gateway/desk/key.ts";
import { rawPublicKey } from "../../../src/tlog/note.ts";

let folder: string;
let state: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "countersign-key-"));
  state = join(folder, "deep", "countersign");
  path = join(state, "countersigner.key");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("the countersigner's key", () => {
  it("is made on first use, for its owner alone, and is the same ever after", () => {
    const first = rawPublicKey(openCountersignerKey(state, randomBytes));
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(state)).toEqual(["countersigner.key"]);
    expect(rawPublicKey(openCountersignerKey(state, randomBytes))).toEqual(first);
  });

  it.each([0o640, 0o604, 0o644, 0o660])("is refused when its mode is %o", (mode) => {
    openCountersignerKey(state, randomBytes);
    chmodSync(path, mode);
    expect(() => openCountersignerKey(state, randomBytes)).toThrow(/can be read by others.*remove it/);
  });

  it("is refused in a directory that others can enter", () => {
    openCountersignerKey(state, randomBytes);
    chmodSync(state, 0o755);
    expect(() => openCountersignerKey(state, randomBytes)).toThrow(/chmod 700/);
  });

  it("is refused when it is a link, no key, or a key of another kind", () => {
    openCountersignerKey(state, randomBytes);
    renameSync(path, `${path}.elsewhere`);
    symlinkSync(`${path}.elsewhere`, path);
    expect(() => openCountersignerKey(state, randomBytes)).toThrow(KeyError);
    rmSync(path);
    writeFileSync(path, "no key", { mode: 0o600 });
    expect(() => openCountersignerKey(state, randomBytes)).toThrow(/is no key/);
    rmSync(path);
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(path, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    expect(() => openCountersignerKey(state, randomBytes)).toThrow(/not an Ed25519 key/);
  });
});
