const importMetaUrl = require("node:url").pathToFileURL(__filename).href;
"use strict";

// src/cli/countersigner.ts
var import_node_crypto7 = require("node:crypto");
var import_node_os2 = require("node:os");
var import_node_util = require("node:util");

// src/gateway/desk/key.ts
var import_node_crypto = require("node:crypto");
var import_node_fs = require("node:fs");
var import_node_path = require("node:path");
var KeyError = class extends Error {
  name = "KeyError";
};
var KEY_FILE = "countersigner.key";
var KEY_FILE_BYTES_MAX = 4096;
var OTHERS = 63;
function openCountersignerKey(stateDir, random) {
  (0, import_node_fs.mkdirSync)(stateDir, { recursive: true, mode: 448 });
  const directory = (0, import_node_fs.lstatSync)(stateDir);
  if (!directory.isDirectory() || isForeign(directory.uid) || (directory.mode & OTHERS) !== 0) {
    throw new KeyError(`${stateDir} must be a directory of yours that nobody else can enter: chmod 700 ${stateDir}`);
  }
  const path = (0, import_node_path.join)(stateDir, KEY_FILE);
  return readKey(path) ?? makeKey(path, Buffer.from(random(8)).toString("hex"));
}
function readKey(path) {
  let file;
  try {
    file = (0, import_node_fs.openSync)(path, import_node_fs.constants.O_RDONLY | import_node_fs.constants.O_NOFOLLOW);
  } catch (error) {
    if (isMissing(error)) {
      return void 0;
    }
    throw new KeyError(`${path} cannot be opened as a file of its own`, { cause: error });
  }
  try {
    const found = (0, import_node_fs.fstatSync)(file);
    if (!found.isFile() || isForeign(found.uid) || (found.mode & OTHERS) !== 0) {
      throw new KeyError(`${path} can be read by others, so it proves nothing: remove it and a new key is made`);
    }
    if (found.size > KEY_FILE_BYTES_MAX) {
      throw new KeyError(`${path} is no key: move it away and a new key is made`);
    }
    return decodeKey(path, (0, import_node_fs.readFileSync)(file, "utf8"));
  } finally {
    (0, import_node_fs.closeSync)(file);
  }
}
function decodeKey(path, pem) {
  let key;
  try {
    key = (0, import_node_crypto.createPrivateKey)(pem);
  } catch (error) {
    throw new KeyError(`${path} is no key: move it away and a new key is made`, { cause: error });
  }
  if (key.asymmetricKeyType !== "ed25519") {
    throw new KeyError(`${path} is not an Ed25519 key: move it away and a new key is made`);
  }
  return key;
}
function makeKey(path, suffix) {
  const { privateKey } = (0, import_node_crypto.generateKeyPairSync)("ed25519");
  const fresh = `${path}.${suffix}`;
  (0, import_node_fs.writeFileSync)(fresh, privateKey.export({ format: "pem", type: "pkcs8" }), { flag: "wx", mode: 384 });
  try {
    (0, import_node_fs.linkSync)(fresh, path);
    return privateKey;
  } catch (error) {
    const other = readKey(path);
    if (other === void 0) {
      throw new KeyError(`${path} cannot be written`, { cause: error });
    }
    return other;
  } finally {
    (0, import_node_fs.rmSync)(fresh, { force: true });
  }
}
function isForeign(uid) {
  return process.getuid !== void 0 && uid !== process.getuid();
}
function isMissing(error) {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

// src/gateway/desk/server.ts
var import_node_fs3 = require("node:fs");
var import_node_http = require("node:http");
var import_node_path3 = require("node:path");

// src/evidence/dsse.ts
var import_node_crypto4 = require("node:crypto");

// src/journal/well-formed.ts
var LONE = new RegExp("\\p{Surrogate}", "u");
var LONE_EACH = new RegExp("\\p{Surrogate}", "gu");
function hasLoneSurrogate(text) {
  return LONE.test(text);
}
function wellFormed(text) {
  return LONE.test(text) ? text.replace(LONE_EACH, "\uFFFD") : text;
}

// src/journal/jcs.ts
var DEPTH_MAX = 32;
var CanonicalError = class extends Error {
  name = "CanonicalError";
};
function canonical(value) {
  return write(value, 0);
}
function parseCanonical(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CanonicalError("not JSON", { cause });
  }
  if (!text.includes("\\ud") && isPlain(value, 0) && JSON.stringify(value) === text) return value;
  if (canonical(value) !== text) throw new CanonicalError("not the canonical form of what it says");
  return value;
}
function isPlain(value, depth) {
  if (typeof value === "number") return Number.isSafeInteger(value);
  if (typeof value !== "object" || value === null) return true;
  if (depth >= DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((each) => isPlain(each, depth + 1));
  let last = "";
  for (const [key, each] of Object.entries(value)) {
    if (key < last || !isPlain(each, depth + 1)) return false;
    last = key;
  }
  return true;
}
function write(value, depth) {
  if (depth > DEPTH_MAX) throw new CanonicalError(`nested deeper than ${DEPTH_MAX}`);
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      if (!Number.isSafeInteger(value)) throw new CanonicalError(`${value} is not an integer that JSON keeps exactly`);
      return String(value);
    case "boolean":
      return String(value);
    case "object":
      return value === null ? "null" : Array.isArray(value) ? writeList(value, depth) : writeObject(value, depth);
    case "undefined":
    case "bigint":
    case "function":
    case "symbol":
      throw new CanonicalError(`a ${typeof value} has no JSON`);
  }
}
function writeList(list, depth) {
  return `[${Array.from(list, (each) => write(each, depth + 1)).join(",")}]`;
}
function writeObject(object, depth) {
  const fields = Object.entries(object).toSorted(([left], [right]) => left < right ? -1 : 1).map(([key, each]) => `${quote(key)}:${write(each, depth + 1)}`);
  return `{${fields.join(",")}}`;
}
function quote(text) {
  if (hasLoneSurrogate(text)) throw new CanonicalError("half a surrogate pair has no UTF-8");
  return JSON.stringify(text);
}

// src/tlog/base64.ts
function fromBase64(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : void 0;
}

// src/tlog/note.ts
var import_node_crypto3 = require("node:crypto");

// src/tlog/tree.ts
var import_node_crypto2 = require("node:crypto");
var HASH_BYTES = 32;
var ENTRY_SCRATCH_BYTES = 4 * 1024;
function leafHash(entry) {
  if (typeof entry === "string") return sha256(`\0${entry}`);
  const input = Buffer.allocUnsafe(entry.length + 1);
  input[0] = 0;
  input.set(entry, 1);
  return sha256(input);
}
function nodeHash(left, right) {
  const input = Buffer.allocUnsafe(1 + 2 * HASH_BYTES);
  input[0] = 1;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return sha256(input);
}
function sha256(input) {
  return Buffer.from((0, import_node_crypto2.hash)("sha256", input, "binary"), "latin1");
}
var toText = (bytes) => Buffer.from(bytes).toString("latin1");
var toBytes = (text) => Buffer.from(text, "latin1");
function rootHash(leaves) {
  const frontier = new Frontier();
  for (const leaf of leaves) frontier.append(leaf);
  return frontier.root();
}
var Frontier = class {
  #base;
  // Hashes are kept as strings of 32 Latin-1 characters: a million small Buffers cost more than the hashing.
  #nodes;
  #size;
  #levels = [];
  #input = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
  /** Where a short entry is put behind its 0x00. */
  #entry = Buffer.alloc(ENTRY_SCRATCH_BYTES);
  /** Starts from a known tree, or from the empty one. The start is the base of the first consistency proof. */
  constructor(peaks = { size: 0, nodes: [] }) {
    if (!isCount(peaks.size) || peaks.nodes.length !== ones(peaks.size) || !peaks.nodes.every(isHash)) {
      throw new RangeError(`a tree of ${peaks.size} leaves does not have ${peaks.nodes.length} peaks`);
    }
    this.#base = peaks;
    this.#nodes = peaks.nodes.map(toText);
    this.#size = peaks.size;
  }
  get size() {
    return this.#size;
  }
  /** Adds the hash of the next leaf. Costs one hash on average. */
  append(leaf) {
    this.#add(toText(leaf));
  }
  /** Adds the next entry; as `append(leafHash(entry))`. */
  appendEntry(entry) {
    if (entry.length >= this.#entry.length) {
      this.append(leafHash(entry));
      return;
    }
    this.#entry.set(entry, 1);
    this.#add((0, import_node_crypto2.hash)("sha256", this.#entry.subarray(0, entry.length + 1), "binary"));
  }
  #add(leaf) {
    let node = leaf;
    let index = this.#size;
    let level = 0;
    this.#record(level, index, node);
    while (index % 2 === 1) {
      const left = this.#nodes.pop();
      if (left === void 0) throw new RangeError("the frontier lost a peak");
      node = this.#join(left, node);
      index = (index - 1) / 2;
      level += 1;
      this.#record(level, index, node);
    }
    this.#nodes.push(node);
    this.#size += 1;
  }
  #join(left, right) {
    this.#input.write(left, 1, "latin1");
    this.#input.write(right, 1 + HASH_BYTES, "latin1");
    return (0, import_node_crypto2.hash)("sha256", this.#input, "binary");
  }
  /** The root of the tree now. */
  root() {
    return fold(this.#nodes.map(toBytes));
  }
  /** The peaks now, to come back to later with `rebase`, or to start another frontier from. */
  peaks() {
    return { size: this.#size, nodes: this.#nodes.map(toBytes) };
  }
  /** Proofs start from `peaks` from now on, which this frontier gave; what only older proofs needed is let go. */
  rebase(peaks) {
    if (peaks.size < this.#base.size || peaks.size > this.#size) {
      throw new RangeError(`cannot move the base of ${this.#base.size} to ${peaks.size} in a tree of ${this.#size}`);
    }
    this.#base = peaks;
    for (const [height, level] of this.#levels.entries()) {
      const first = Math.ceil(peaks.size / 2 ** height);
      level.hashes = level.hashes.slice(Math.max(0, first - level.first));
      level.first = first;
    }
  }
  /** The size that the next consistency proof starts from. */
  get baseSize() {
    return this.#base.size;
  }
  /** The hash of leaf `index`, or undefined when it lies before the base or was not added yet. */
  leaf(index) {
    const level = this.#levels[0];
    const leaf = level === void 0 || index < level.first ? void 0 : level.hashes[index - level.first];
    return leaf === void 0 ? void 0 : toBytes(leaf);
  }
  /** RFC 6962 section 2.1.2: PROOF(base, D[size]). Empty when the base is empty or nothing was added. */
  consistencyProof() {
    const { size, nodes } = this.#base;
    const proof = [];
    if (size === 0 || size === this.#size) return proof;
    const walk = (from, to, peak, whole) => {
      if (size === to) {
        if (!whole) proof.push(known(nodes[peak]));
        return;
      }
      const middle = from + powerBelow(to - from);
      if (size <= middle) {
        walk(from, middle, peak, whole);
        proof.push(this.#range(middle, to));
      } else {
        walk(middle, to, peak + 1, false);
        proof.push(known(nodes[peak]));
      }
    };
    walk(0, this.#size, 0, true);
    return proof;
  }
  /** MTH(D[from:to]) for an aligned range behind the base, from finished subtrees. */
  #range(from, to) {
    const parts = [];
    for (let at = from; at < to; ) {
      const level = levelBelow(to - at);
      const stored = this.#levels[level];
      const text = stored?.hashes[at / 2 ** level - stored.first];
      parts.push(known(text === void 0 ? void 0 : toBytes(text)));
      at += 2 ** level;
    }
    return fold(parts);
  }
  #record(height, index, node) {
    let level = this.#levels[height];
    if (level === void 0) {
      level = { first: Math.ceil(this.#base.size / 2 ** height), hashes: [] };
      this.#levels[height] = level;
    }
    if (index >= level.first) level.hashes.push(node);
  }
};
function verifyConsistency({ from, to, proof, fromRoot, toRoot }) {
  if (!isCount(from) || !isCount(to) || from === 0 || from > to) return false;
  if (!isHash(fromRoot) || !isHash(toRoot) || !proof.every(isHash)) return false;
  if (from === to) return proof.length === 0 && equal(fromRoot, toRoot);
  if (proof.length === 0) return false;
  const path = ones(from) === 1 ? [fromRoot, ...proof] : [...proof];
  let position = from - 1;
  let last = to - 1;
  while (position % 2 === 1) {
    position = half(position);
    last = half(last);
  }
  let before = path.shift() ?? fromRoot;
  let after = before;
  for (const sibling of path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (position % 2 === 0 && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      after = nodeHash(after, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equal(before, fromRoot) && equal(after, toRoot);
}
function fold(parts) {
  const last = parts.at(-1);
  if (last === void 0) return (0, import_node_crypto2.hash)("sha256", "", "buffer");
  let node = Buffer.from(last);
  for (let at = parts.length - 2; at >= 0; at -= 1) node = nodeHash(known(parts[at]), node);
  return node;
}
function powerBelow(count) {
  return 2 ** levelBelow(count - 1);
}
function levelBelow(count) {
  const level = Math.round(Math.log2(count));
  return 2 ** level > count ? level - 1 : level;
}
function half(count) {
  return Math.floor(count / 2);
}
function ones(count) {
  let sum = 0;
  for (let rest = count; rest > 0; rest = half(rest)) sum += rest % 2;
  return sum;
}
function isCount(count) {
  return Number.isSafeInteger(count) && count >= 0;
}
function isHash(bytes) {
  return bytes.length === HASH_BYTES;
}
function equal(left, right) {
  return Buffer.compare(left, right) === 0;
}
function known(node) {
  if (node === void 0) throw new RangeError("the tree lost a node");
  return node;
}

// src/tlog/note.ts
var ED25519 = 1;
var COSIGNATURE = 4;
var PUBLIC_KEY_BYTES = 32;
var SIGNATURE_BYTES = 64;
var SIGNATURES_MAX = 64;
var NOTE_CHARS_MAX = 512 * 1024;
var NoteError = class extends Error {
  name = "NoteError";
  /** `signature` when the text itself was well formed and one of its signature lines was not, or does not verify. */
  part;
  constructor(part, message) {
    super(message);
    this.part = part;
  }
};
function noteSigner(name, privateKey) {
  const verifier = verifierFor(name, "log", rawPublicKey(privateKey));
  return {
    verifier,
    sign: (text) => signatureLine(verifier, (0, import_node_crypto3.sign)(null, Buffer.from(text), privateKey))
  };
}
function cosigner(name, privateKey) {
  const verifier = verifierFor(name, "witness", rawPublicKey(privateKey));
  return {
    verifier,
    cosign(text, atSeconds) {
      const stamped = Buffer.alloc(8 + SIGNATURE_BYTES);
      stamped.writeBigUInt64BE(BigInt(atSeconds));
      stamped.set((0, import_node_crypto3.sign)(null, cosignedMessage(text, String(atSeconds)), privateKey), 8);
      return signatureLine(verifier, stamped);
    }
  };
}
function parseVkey(vkey) {
  const [name, keyId, encoded, ...rest] = vkey.split("+");
  const key = fromBase64([encoded, ...rest].join("+"));
  const kind = key?.[0] === ED25519 ? "log" : key?.[0] === COSIGNATURE ? "witness" : void 0;
  if (name === void 0 || key === void 0 || kind === void 0 || key.length !== 1 + PUBLIC_KEY_BYTES) {
    throw new NoteError("text", "not a verifier key of type 0x01 or 0x04");
  }
  if (!isKeyName(name)) throw new NoteError("text", "a key's name is not empty and holds no space and no plus");
  const verifier = verifierFor(name, kind, key.subarray(1));
  if (verifier.keyId !== keyId) throw new NoteError("text", "the key's id does not belong to its name and key");
  return verifier;
}
function rawPublicKey(key) {
  const publicKey = key.type === "private" ? (0, import_node_crypto3.createPublicKey)(key) : key;
  const { x } = publicKey.export({ format: "jwk" });
  if (publicKey.asymmetricKeyType !== "ed25519" || x === void 0) throw new NoteError("text", "not an Ed25519 key");
  return Buffer.from(x, "base64url");
}
function publicKeyFrom(raw) {
  const x = Buffer.from(raw).toString("base64url");
  return (0, import_node_crypto3.createPublicKey)({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
function isKeyName(name) {
  return name !== "" && !/[\p{White_Space}\p{Cc}\p{Surrogate}+]/u.test(name);
}
function parseNote(note) {
  if (note.length > NOTE_CHARS_MAX) throw new NoteError("text", `a note is at most ${NOTE_CHARS_MAX} characters`);
  if (new RegExp("(?!\\n)[^\\P{Cc}\\x7f-\\x9f]|\\p{Surrogate}", "u").test(note))
    throw new NoteError("text", "a note holds no control characters");
  const separator = note.lastIndexOf("\n\n");
  if (separator === -1 || !note.endsWith("\n"))
    throw new NoteError("text", "a note ends with a blank line and signatures");
  const text = note.slice(0, separator + 1);
  const lines = note.slice(separator + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw new NoteError("signature", `more than ${SIGNATURES_MAX} signatures`);
  return { text, signatures: lines.map(parseSignature) };
}
function verifySignatures(note, verifiers) {
  return verifiers.flatMap((verifier) => {
    const own = note.signatures.filter((each) => each.name === verifier.name && each.keyId === verifier.keyId);
    const times = own.map((each) => {
      const at2 = verifier.verify(note.text, each.bytes);
      if (at2 === void 0) throw new NoteError("signature", `invalid signature of ${verifier.name}`);
      return at2;
    });
    const [at] = times;
    return at === void 0 ? [] : [{ verifier, at }];
  });
}
function parseCheckpoint(text) {
  const [origin, digits, encoded, ...more] = text.split("\n");
  if (origin === void 0 || origin === "" || digits === void 0 || encoded === void 0 || more.at(-1) !== "") {
    throw new NoteError("text", "a checkpoint has three lines or more, each ended by a newline");
  }
  const extensions = more.slice(0, -1);
  if (extensions.includes("")) throw new NoteError("text", "a checkpoint holds no empty line");
  const size = parseCount(digits);
  if (size === void 0) throw new NoteError("text", "the second line of a checkpoint is its size in decimal");
  const root = fromBase64(encoded);
  if (root?.length !== HASH_BYTES) throw new NoteError("text", "the third line of a checkpoint is 32 bytes in base 64");
  return { origin, size, root, extensions };
}
function parseCount(digits) {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(digits)) return void 0;
  const count = Number(digits);
  return Number.isSafeInteger(count) ? count : void 0;
}
function parseSignature(line) {
  const [dash, name, encoded, ...rest] = line.split(" ");
  if (dash !== "\u2014" || name === void 0 || encoded === void 0 || rest.length > 0 || !isKeyName(name)) {
    throw new NoteError("signature", "a signature line is an em dash, a name and base 64");
  }
  const bytes = fromBase64(encoded);
  if (bytes === void 0 || bytes.length < 5)
    throw new NoteError("signature", `invalid signature of ${name}: not base 64`);
  return { name, keyId: bytes.toString("hex", 0, 4), bytes: bytes.subarray(4) };
}
function verifierFor(name, kind, publicKey) {
  if (!isKeyName(name)) throw new NoteError("text", "a key's name is not empty and holds no space and no plus");
  const typed = Buffer.concat([Buffer.from([kind === "log" ? ED25519 : COSIGNATURE]), publicKey]);
  const keyId = (0, import_node_crypto3.hash)("sha256", Buffer.concat([Buffer.from(`${name}
`), typed]), "hex").slice(0, 8);
  const key = publicKeyFrom(publicKey);
  return {
    name,
    keyId,
    kind,
    publicKey: Buffer.from(publicKey),
    vkey: `${name}+${keyId}+${typed.toString("base64")}`,
    verify(text, signature) {
      const bytes = Buffer.from(signature);
      if (kind === "log") return (0, import_node_crypto3.verify)(null, Buffer.from(text), key, bytes) ? 0 : void 0;
      if (bytes.length !== 8 + SIGNATURE_BYTES) return void 0;
      const at = bytes.readBigUInt64BE();
      if (at > BigInt(Number.MAX_SAFE_INTEGER)) return void 0;
      return (0, import_node_crypto3.verify)(null, cosignedMessage(text, String(at)), key, bytes.subarray(8)) ? Number(at) : void 0;
    }
  };
}
function cosignedMessage(text, at) {
  return Buffer.from(`cosignature/v1
time ${at}
${text}`);
}
function signatureLine(verifier, signature) {
  const bytes = Buffer.concat([Buffer.from(verifier.keyId, "hex"), signature]);
  return `\u2014 ${verifier.name} ${bytes.toString("base64")}
`;
}

// src/evidence/shape.ts
function isText(value) {
  return typeof value === "string";
}
function isCount2(value) {
  return Number.isSafeInteger(value) && typeof value === "number" && value >= 0;
}
function isInteger(value) {
  return Number.isSafeInteger(value);
}
function isFlag(value) {
  return typeof value === "boolean";
}
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function oneOf(...words) {
  return (value) => words.some((word) => word === value);
}
function listOf(claim) {
  return (value) => Array.isArray(value) && value.every((each) => claim(each));
}
function fieldsOf(value, claims) {
  return hasExactly(value, claims) ? value : void 0;
}
function shaped(claims) {
  return (value) => hasExactly(value, claims);
}
function hasExactly(value, claims) {
  if (!isObject(value)) return false;
  const names = Object.keys(claims);
  if (Object.keys(value).length !== names.length) return false;
  return names.every((name) => Object.hasOwn(value, name) && claims[name]?.(value[name]) === true);
}

// src/evidence/dsse.ts
var IN_TOTO = "application/vnd.in-toto+json";
var ENVELOPE_BYTES_MAX = 1024 * 1024;
function keyidOf(publicKey) {
  return (0, import_node_crypto4.hash)("sha256", publicKey, "hex");
}
function dsseSigner(privateKey) {
  return { keyid: keyidOf(rawPublicKey(privateKey)), sign: (bytes) => (0, import_node_crypto4.sign)(null, bytes, privateKey) };
}
function preAuthenticated(payloadType, payload) {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
function signDsse(payload, signer) {
  const signature = signer.sign(preAuthenticated(IN_TOTO, Buffer.from(payload)));
  return { keyid: signer.keyid, sig: Buffer.from(signature).toString("base64") };
}
function encodeDsse(payload, signatures) {
  return `${canonical({ payload: Buffer.from(payload).toString("base64"), payloadType: IN_TOTO, signatures })}
`;
}

// src/journal/disclosure.ts
var import_node_crypto5 = require("node:crypto");
var SALT_BYTES = 16;
var POOL_BYTES = 16 * 1024;
var SaltPool = class {
  #fill;
  #pool = Buffer.alloc(POOL_BYTES);
  #at = POOL_BYTES;
  constructor(fill) {
    this.#fill = fill;
  }
  next() {
    if (this.#at === POOL_BYTES) {
      this.#fill(this.#pool);
      this.#at = 0;
    }
    const salt = this.#pool.toString("base64url", this.#at, this.#at + SALT_BYTES);
    this.#pool.fill(0, this.#at, this.#at + SALT_BYTES);
    this.#at += SALT_BYTES;
    return salt;
  }
};
function redact(value, salts) {
  return redactionOf(Buffer.from(salted(jsonOf(value), salts)).toString("base64url"));
}
var SCRATCH_BYTES = 32 * 1024;
function salted(json, salts) {
  return `["${salts.next()}",${json}]`;
}
function redactionOf(disclosure) {
  return { redacted: { "...": digestOf(disclosure) }, disclosure };
}
function jsonOf(value) {
  return typeof value === "string" ? quoted(value) : canonical(value);
}
var PLAIN = /^[ !#-[\]-~]*$/;
function quoted(text) {
  if (PLAIN.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  return json.includes("\\ud") ? JSON.stringify(wellFormed(text)) : json;
}
function digestOf(disclosure) {
  return (0, import_node_crypto5.hash)("sha256", disclosure, "base64url");
}

// src/tlog/witness.ts
var PROOF_LINES_MAX = 63;
var Witness = class {
  #state;
  #cosigner;
  #keysOf;
  #lastSeconds = 0;
  /** `keysOf` gives the keys trusted for an origin; none means that the origin is unknown. */
  constructor(state2, cosigner2, keysOf) {
    this.#state = state2;
    this.#cosigner = cosigner2;
    this.#keysOf = keysOf;
  }
  /** Answers the body of one add-checkpoint request. `nowSeconds`: POSIX seconds; what is signed never goes back. */
  addCheckpoint(body, nowSeconds) {
    const request = readAddCheckpoint(body);
    if ("status" in request) return request;
    const { origin } = request.head;
    const judged = judgeHead(request, { keys: this.#keysOf(origin), last: () => this.#state.load(origin) });
    if ("status" in judged) return judged;
    this.#state.save(origin, request.head.size, request.head.root);
    this.#lastSeconds = Math.max(this.#lastSeconds, nowSeconds);
    return cosigned(this.#cosigner.cosign(judged.text, this.#lastSeconds));
  }
};
function readAddCheckpoint(body) {
  const request = parseRequest(body);
  return typeof request === "string" ? refusal(400, request) : request;
}
function judgeHead({ old, proof, head, noteText }, { keys, last: load }) {
  if (keys.length === 0) return refusal(404, "unknown log");
  const note = signedBy(noteText, keys);
  if (!("text" in note)) return note;
  if (old > head.size) return refusal(400, "the old size is larger than the checkpoint");
  const last = load() ?? { size: 0, root: void 0 };
  if (old !== last.size) return conflict(last.size);
  if (head.size === 0 && Buffer.compare(head.root, rootHash([])) !== 0) {
    return refusal(422, "a checkpoint of size 0 has the root of the empty tree");
  }
  if (last.root === void 0 || last.size === 0) {
    if (proof.length > 0) return refusal(422, "a consistency proof from size 0 is empty");
  } else {
    if (old === head.size && Buffer.compare(last.root, head.root) !== 0) {
      return refusal(422, "inconsistent: another root was cosigned at this size");
    }
    const consistent = verifyConsistency({ from: old, to: head.size, proof, fromRoot: last.root, toRoot: head.root });
    if (!consistent) return refusal(422, "the consistency proof does not verify");
  }
  return note;
}
function cosigned(lines) {
  return { status: 200, contentType: "text/plain; charset=utf-8", body: lines };
}
function conflict(size) {
  return { status: 409, contentType: "text/x.tlog.size", body: `${size}
` };
}
function refusal(status, message) {
  return { status, contentType: "text/plain; charset=utf-8", body: `${message}
` };
}
function parseRequest(body) {
  const blank = body.indexOf("\n\n");
  if (blank === -1) return "a request is an old size line, proof lines, an empty line and a checkpoint";
  const [first = "", ...lines] = body.slice(0, blank).split("\n");
  const old = first.startsWith("old ") ? parseCount(first.slice(4)) : void 0;
  if (old === void 0) return "the first line is `old` and a size";
  if (lines.length > PROOF_LINES_MAX) return `more than ${PROOF_LINES_MAX} proof lines`;
  const proof = lines.flatMap((line) => fromBase64(line) ?? []);
  if (proof.length !== lines.length || proof.some((each) => each.length !== HASH_BYTES)) {
    return "a proof line is 32 bytes in base 64";
  }
  const noteText = body.slice(blank + 2);
  const end = noteText.lastIndexOf("\n\n");
  try {
    return { old, proof, head: parseCheckpoint(noteText.slice(0, end + 1)), noteText };
  } catch (error) {
    if (error instanceof NoteError) return error.message;
    throw error;
  }
}
function signedBy(noteText, keys) {
  const invalid = refusal(403, "invalid signature: no known key of this log signed the checkpoint");
  try {
    const note = parseNote(noteText);
    return verifySignatures(note, keys).length > 0 ? note : invalid;
  } catch (error) {
    if (!(error instanceof NoteError)) throw error;
    return error.part === "signature" ? invalid : refusal(400, error.message);
  }
}

// src/approval/request.ts
var LIFETIME_MS_MAX = 24 * 60 * 60 * 1e3;
function needOf(count) {
  return Number.isFinite(count) ? Math.max(1, Math.ceil(count)) : Number.MAX_SAFE_INTEGER;
}
function openBallot(terms) {
  return { state: "pending", need: needOf(terms.count), deadlineMs: terms.deadlineMs, endedAtMs: 0, votes: [] };
}
function castVote(ballot, vote) {
  if (ballot.state !== "pending") {
    return { ballot, counted: false, why: `This request is already ${ballot.state}: your answer had no effect.` };
  }
  if (vote.atMs >= ballot.deadlineMs) {
    const expired = expireBallot(ballot, vote.atMs);
    return { ballot: expired, counted: false, why: "This request expired before your answer came: it had no effect." };
  }
  if (vote.word === "refuse") {
    return {
      ballot: { ...ballot, state: "refused", endedAtMs: vote.atMs, votes: [...ballot.votes, vote] },
      counted: true,
      why: "Refused."
    };
  }
  if (ballot.votes.some((each) => isSamePerson(each.login, vote.login))) {
    const missing = ballot.need - ballot.votes.length;
    return { ballot, counted: false, why: `You approved already; ${missing} more must, and each person counts once.` };
  }
  const votes = [...ballot.votes, vote];
  if (votes.length < ballot.need) {
    return { ballot: { ...ballot, votes }, counted: true, why: `Approved by ${votes.length} of ${ballot.need}.` };
  }
  return { ballot: { ...ballot, state: "approved", endedAtMs: vote.atMs, votes }, counted: true, why: "Approved." };
}
function expireBallot(ballot, nowMs) {
  if (ballot.state !== "pending" || nowMs < ballot.deadlineMs) {
    return ballot;
  }
  return { ...ballot, state: "expired", endedAtMs: nowMs };
}
function withdrawBallot(ballot, nowMs) {
  return ballot.state === "pending" ? { ...ballot, state: "withdrawn", endedAtMs: nowMs } : ballot;
}
function isSamePerson(one, other) {
  return one.toLowerCase() === other.toLowerCase();
}

// src/gateway/desk/exchange.ts
var import_node_crypto6 = require("node:crypto");
var Refused = class extends Error {
  name = "Refused";
  status;
  constructor(status, message) {
    super(message);
    this.status = status;
  }
};
var BODY_BYTES_MAX = 1024 * 1024;
var HTTP_LIMITS = { maxHeaderSize: 8192, headersTimeout: 5e3, requestTimeout: 15e3 };
async function readText(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    const piece = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) {
      throw new Refused(413, `a body is at most ${BODY_BYTES_MAX} bytes`);
    }
    chunks.push(piece);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks, bytes));
  } catch {
    throw new Refused(400, "a body is UTF-8");
  }
}
async function readJson(request) {
  const text = await readText(request);
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Refused(400, "the body is not JSON");
  }
  if (!isObject2(value)) {
    throw new Refused(400, "the body is not a JSON object");
  }
  return value;
}
function textField(body, name, charactersMax) {
  const value = body[name];
  if (typeof value !== "string" || value.length > charactersMax || new RegExp("\\p{Cs}", "u").test(value)) {
    throw new Refused(400, `${name} must be well-formed text of at most ${charactersMax} characters`);
  }
  return value;
}
function answerJson(response, status, value) {
  answerText(response, status, JSON.stringify(value), "application/json; charset=utf-8");
}
function answerText(response, status, body, type = "text/plain; charset=utf-8") {
  if (response.headersSent || response.destroyed) {
    return;
  }
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": type, "content-length": bytes.length });
  response.end(bytes);
}
function answerError(response, error, log) {
  if (error instanceof Refused) {
    answerJson(response, error.status, { error: error.message });
    return;
  }
  log(`countersigner: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  answerJson(response, 500, { error: "the countersigner failed; nothing was answered or signed" });
}
function isSameSecret(one, other) {
  return (0, import_node_crypto6.timingSafeEqual)((0, import_node_crypto6.createHash)("sha256").update(one).digest(), (0, import_node_crypto6.createHash)("sha256").update(other).digest());
}
function isObject2(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/gateway/desk/book.ts
var WAITING_PER_SESSION_MAX = 20;
var ENDED_KEPT_MAX = 200;
var RequestBook = class {
  #options;
  #slots = /* @__PURE__ */ new Map();
  #changes = /* @__PURE__ */ new Set();
  #version = 0;
  constructor(options) {
    this.#options = options;
  }
  /** Rises with every change. */
  get version() {
    return this.#version;
  }
  /** Shows a request to people. Throws `Refused`: 409 for an id used before, 429 when too many wait. */
  submit(request) {
    if (this.#slots.has(request.id)) {
      throw new Refused(409, `request ${request.id} was made before; a new command needs a new request`);
    }
    const ofSession = this.entries().filter((each) => each.request.sid === request.sid);
    if (ofSession.filter((each) => each.answered === void 0).length >= WAITING_PER_SESSION_MAX) {
      throw new Refused(429, `${WAITING_PER_SESSION_MAX} requests of this session wait already; answer those first`);
    }
    const now = this.#options.clock();
    const expiresMs = Date.parse(request.expiresAt);
    const lifetime = Math.min(expiresMs - now, expiresMs - Date.parse(request.requestedAt), LIFETIME_MS_MAX);
    const ballot = openBallot({ count: request.terms.count, deadlineMs: now + Math.max(0, lifetime) });
    const repeats = ofSession.filter((each) => each.request.text === request.text).length;
    const slot = { entry: { request, repeats, ballot, answered: void 0 }, timer: void 0 };
    slot.timer = setTimeout(
      () => this.#move(slot, expireBallot(slot.entry.ballot, Math.max(this.#options.clock(), ballot.deadlineMs))),
      Math.max(0, lifetime)
    );
    this.#slots.set(request.id, slot);
    this.#forgetOldest();
    this.#changed();
  }
  /** Counts one person's word, and says whether it counted and what it did. Throws `Refused`: 404, 409. */
  answer(word) {
    const slot = this.#slot(word.id);
    if (word.digest !== slot.entry.request.digest) {
      throw new Refused(409, "This is not the command that you were shown. Nothing was answered; look again.");
    }
    const cast = castVote(slot.entry.ballot, {
      word: word.word,
      login: word.login,
      via: word.via,
      reason: word.reason,
      atMs: this.#options.clock()
    });
    this.#move(slot, cast.ballot);
    return { counted: cast.counted, why: cast.why };
  }
  /** The client cancelled or left. Has no effect on a request that ended. Throws `Refused`: 404. */
  withdraw(id) {
    const slot = this.#slot(id);
    this.#move(slot, withdrawBallot(slot.entry.ballot, this.#options.clock()));
  }
  /** Throws `Refused`: 404. */
  entry(id) {
    return this.#slot(id).entry;
  }
  /** All of them, oldest first. */
  entries() {
    return [...this.#slots.values()].map((each) => each.entry);
  }
  /** Resolves at the first change after `version`, after `waitMs`, or when `signal` aborts, whichever comes first. */
  async change(version, waitMs, signal) {
    if (this.#version > version || signal.aborted) {
      return;
    }
    await new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#changes.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, waitMs);
      this.#changes.add(done);
      signal.addEventListener("abort", done);
    });
  }
  /** Stops all timers and wakes all who wait. What waits stays unanswered, which refuses. */
  close() {
    for (const { timer } of this.#slots.values()) {
      clearTimeout(timer);
    }
    this.#changed();
  }
  #slot(id) {
    const slot = this.#slots.get(id);
    if (slot === void 0) {
      throw new Refused(404, `there is no request ${id.slice(0, 32)} here`);
    }
    return slot;
  }
  #move(slot, ballot) {
    const { entry } = slot;
    if (ballot === entry.ballot) {
      return;
    }
    const { state: state2 } = ballot;
    if (state2 === "pending") {
      slot.entry = { ...entry, ballot };
    } else {
      clearTimeout(slot.timer);
      const decisive = ballot.votes.filter(
        (each) => state2 === "approved" ? each.word === "approve" : each.word === "refuse"
      );
      const by = decisive.map(({ login, via }) => ({ login, via }));
      const reason = decisive.map((each) => each.reason).filter((each) => each !== "").join("\n");
      const signed = this.#options.sign({ request: entry.request, answer: state2, by, reason, atMs: ballot.endedAtMs });
      slot.entry = { ...entry, ballot, answered: { answer: state2, by, reason, ...signed } };
    }
    this.#changed();
  }
  #changed() {
    this.#version += 1;
    for (const wake of this.#changes) {
      wake();
    }
  }
  #forgetOldest() {
    const ended = [...this.#slots].filter(([, each]) => each.entry.answered !== void 0);
    for (const [id] of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT_MAX))) {
      this.#slots.delete(id);
    }
  }
};

// src/journal/line.ts
var LINE_BYTES_MAX = 32 * 1024;

// src/evidence/event-shapes.ts
var isEffect = oneOf(
  "read",
  "write",
  "delete",
  "schema",
  "grant",
  "admin",
  "execute",
  "session",
  "unknown"
);
var isEffects = (value) => Array.isArray(value) && value.length > 0 && value.every(isEffect);
var isCommandId = (value) => isText(value) && /^[1-9][0-9]{0,15}\/[1-9][0-9]{0,15}$/.test(value);
var isRedacted = (value) => fieldsOf(value, { "...": (each) => isText(each) && /^[\w-]{43}$/.test(each) }) !== void 0;
var isCounts = (value) => isObject(value) && Object.values(value).every(isCount2);
var texts = listOf(isText);
var redacted = listOf(isRedacted);
function isTime(value) {
  if (!isText(value) || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/.test(value)) return false;
  const at = Date.parse(value);
  return !Number.isNaN(at) && new Date(at).toISOString() === value;
}
var isIdentity = shaped({
  repository: isText,
  workflowRef: isText,
  run: isText,
  attempt: isText,
  job: isText,
  actor: isText,
  triggeringActor: isText,
  commit: isText,
  ref: isText,
  environment: isText,
  event: isText
});
var BODIES = {
  "session.started": shaped({
    countersigner: isText,
    gateway: shaped({ version: isText, vkey: isText }),
    identity: isIdentity,
    policy: shaped({ digest: isText }),
    targets: listOf(shaped({ name: isText, protocol: isText })),
    tier: oneOf("cooperative", "contained", "remote")
  }),
  "credential.issued": shaped({ source: oneOf("app"), target: isText }),
  "connection.opened": shaped({
    application: redacted,
    database: isText,
    purpose: oneOf("client", "cancel", "preview", "catalogue", "plan"),
    searchPath: isText,
    target: isText,
    tls: shaped({ client: isFlag, target: isFlag }),
    user: isText
  }),
  "command.seen": shaped({
    bounded: isFlag,
    bytes: isCount2,
    cmd: isCommandId,
    digest: isText,
    effects: isEffects,
    objects: texts,
    params: redacted,
    target: isText,
    text: redacted,
    textOf: isInteger,
    tx: isFlag,
    why: texts
  }),
  "command.decided": shaped({
    cmd: isCommandId,
    decision: oneOf("allow", "hold", "deny"),
    matched: texts,
    message: isText,
    rule: isText
  }),
  "approval.requested": shaped({
    approvers: shaped({ count: isCount2, teams: texts, users: texts }),
    cmd: isCommandId,
    expiresAt: isTime,
    impact: shaped({ counted: isInteger, estimated: isInteger }),
    leaf: isText,
    request: isText
  }),
  "plan.requested": shaped({
    approvers: shaped({ count: isCount2, teams: texts, users: texts }),
    digests: texts,
    expiresAt: isTime,
    request: isText,
    rules: texts,
    target: isText
  }),
  "plan.answered": shaped({
    answer: oneOf("approved", "refused", "expired", "withdrawn"),
    by: listOf(shaped({ login: isText, via: isText })),
    dsse: isText,
    reason: redacted,
    request: isText
  }),
  "approval.answered": shaped({
    answer: oneOf("approved", "refused", "expired", "withdrawn"),
    by: listOf(shaped({ login: isText, via: isText })),
    cmd: isCommandId,
    dsse: isText,
    reason: redacted,
    request: isText
  }),
  "command.settled": shaped({ cause: isText, cmd: isCommandId, ruling: oneOf("release", "refuse") }),
  "command.returned": shaped({
    bytes: isCount2,
    cmd: isCommandId,
    code: isText,
    copied: shaped({ bytes: isCount2, digest: isText }),
    digest: isText,
    execution: isCount2,
    masked: isCount2,
    outcome: oneOf("completed", "error", "suspended", "bound", "skipped", "unknown"),
    response: redacted,
    rows: isInteger,
    tookUs: isInteger,
    truncated: isFlag
  }),
  masked: shaped({ cmd: isCommandId, counts: isCounts }),
  "connection.closed": shaped({ commands: isCount2, received: isCount2, sent: isCount2, why: isText }),
  gap: shaped({ cmd: isText, what: isText }),
  "session.ended": shaped({
    commands: isCount2,
    denied: isCount2,
    exit: isInteger,
    held: isCount2,
    outcome: oneOf("completed", "failed", "lost", "recovered")
  })
};

// src/evidence/statement.ts
var SESSION_PREDICATE = "https://countersign.dev/attestation/session/v0.1";
var isRootSubject = shaped({
  digest: shaped({
    "rfc6962-sha256": (value) => isText(value) && /^[0-9a-f]{64}$/.test(value)
  }),
  name: oneOf("session-root")
});

// src/evidence/erasure.ts
var STATEMENT = "https://in-toto.io/Statement/v1";
var ERASURE_PREDICATE = "https://countersign.dev/attestation/erasure/v0.1";
var isErasure = shaped({
  at: isTime,
  by: isText,
  digests: listOf(isText),
  ptrs: listOf(isText),
  reason: isText,
  sid: isText
});
function readErasureStatement(statement) {
  const fields = fieldsOf(statement, {
    _type: oneOf(STATEMENT),
    predicate: isErasure,
    predicateType: oneOf(ERASURE_PREDICATE),
    subject: listOf(isRootSubject)
  });
  const [subject, ...more] = fields?.subject ?? [];
  if (fields === void 0 || subject === void 0 || more.length > 0) return void 0;
  return { erasure: fields.predicate, root: Buffer.from(subject.digest["rfc6962-sha256"], "hex") };
}

// src/journal/session-log.ts
function sessionOrigin(logOrigin, sid) {
  return `${logOrigin}/s/${sid}`;
}

// src/gateway/desk/custody.ts
var CustodyError = class extends Error {
  name = "CustodyError";
};
function openCustody(key, heads, own) {
  const signer = dsseSigner(key);
  return {
    signStatement(origin, statement) {
      const head = heads.load(origin);
      const about = aboutOf(statement);
      if (about.type !== SESSION_PREDICATE) throw new CustodyError("the statement is not about a session");
      if (head === void 0 || about.size !== head.size || about.root !== Buffer.from(head.root).toString("hex")) {
        throw new CustodyError("the statement is not about the head that was countersigned last");
      }
      return signDsse(statement, signer);
    },
    signErasure(origin, statement) {
      const read = readErasureStatement(canonicalOf(statement));
      if (read === void 0) throw new CustodyError("the statement is not about an erasure");
      const head = heads.load(sessionOrigin(logName(origin), read.erasure.sid));
      if (head !== void 0 && Buffer.compare(head.root, read.root) !== 0) {
        throw new CustodyError("the statement is about another session than the one that was countersigned");
      }
      return signDsse(statement, signer);
    },
    logVkey: (origin) => noteSigner(logName(origin), key).verifier.vkey,
    signCheckpoint(origin, text, atSeconds) {
      if (parseCheckpoint(text).origin !== logName(origin)) throw new CustodyError("the checkpoint is of another log");
      return `${noteSigner(origin, key).sign(text)}${own.cosign(text, atSeconds)}`;
    }
  };
}
function logName(origin) {
  if (/\/s\/[^/]+$/.test(origin)) throw new CustodyError("a session's head is not a log's checkpoint");
  return origin;
}
function canonicalOf(statement) {
  try {
    return parseCanonical(statement);
  } catch (cause) {
    if (!(cause instanceof CanonicalError)) throw cause;
    throw new CustodyError("the statement is not canonical JSON", { cause });
  }
}
function aboutOf(statement) {
  let value;
  try {
    value = JSON.parse(statement);
  } catch (cause) {
    throw new CustodyError("the statement is not JSON", { cause });
  }
  const subjects = field(value, "subject");
  const list = Array.isArray(subjects) ? subjects : [];
  const root = list.find((each) => field(each, "name") === "session-root");
  const type = field(value, "predicateType");
  return { type, size: field(field(value, "predicate"), "size"), root: field(field(root, "digest"), "rfc6962-sha256") };
}
function field(value, name) {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(name) : void 0;
}

// src/approval/plan.ts
var STATEMENTS_MAX = 500;

// src/approval/shape.ts
var EFFECTS = /* @__PURE__ */ new Set([
  "read",
  "write",
  "delete",
  "schema",
  "grant",
  "admin",
  "execute",
  "session",
  "unknown"
]);
var SURFACES = /* @__PURE__ */ new Set(["check", "review", "comment"]);
var IDENTITY = [
  "repository",
  "workflowRef",
  "run",
  "attempt",
  "job",
  "actor",
  "triggeringActor",
  "commit",
  "ref",
  "environment",
  "event"
];
var FIELDS = {
  id: matches(/^[0-9A-HJKMNP-TV-Z]{10}$/),
  sid: matches(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  cmd: matches(/^[1-9][0-9]{0,15}\/[1-9][0-9]{0,15}$/),
  target: isText2,
  text: isText2,
  params: listOf2(isText2),
  maskedSpans: isCount3,
  // SHA-256 in base64url without padding.
  digest: matches(/^[A-Za-z0-9_-]{43}$/),
  leaf: matches(/^[A-Za-z0-9_-]{43}$/),
  bytes: isCount3,
  effects: (value) => listOf2((each) => EFFECTS.has(each))(value) && Array.isArray(value) && value.length > 0,
  objects: listOf2(isText2),
  bounded: isFlag2,
  why: listOf2(isText2),
  inTransaction: isFlag2,
  impact: (value) => isRecord(value) && isCountOrUnknown(value["estimated"]) && isCountOrUnknown(value["counted"]) && isText2(value["note"]),
  rule: isText2,
  message: isText2,
  matched: listOf2(isText2),
  policy: isText2,
  identity: (value) => isRecord(value) && IDENTITY.every((name) => isText2(value[name])),
  requestedAt: isTime2,
  expiresAt: isTime2,
  terms: (value) => isRecord(value) && listOf2(isText2)(value["teams"]) && listOf2(isText2)(value["users"]) && isCount3(value["count"]) && isCount3(value["expiresMs"]) && listOf2((each) => SURFACES.has(each))(value["via"])
};
var STATEMENT_FIELDS = {
  text: FIELDS.text,
  digest: FIELDS.digest,
  bytes: FIELDS.bytes,
  effects: FIELDS.effects,
  objects: FIELDS.objects,
  bounded: FIELDS.bounded,
  impact: FIELDS.impact,
  maskedSpans: FIELDS.maskedSpans
};
function faultsOfRequest(value) {
  return isRecord(value) ? faultsOf(value, FIELDS) : ["(the request itself)"];
}
function faultsOfPlan(value) {
  if (!isRecord(value)) {
    return ["(the request itself)"];
  }
  const { statements, ...request } = value;
  return [...faultsOf(request, FIELDS), ...areStatements(statements) ? [] : ["statements"]];
}
function areStatements(value) {
  return Array.isArray(value) && value.length > 0 && value.length <= STATEMENTS_MAX && value.every((each) => isRecord(each) && faultsOf(each, STATEMENT_FIELDS).length === 0);
}
function faultsOf(value, fields) {
  const wrong = Object.entries(fields).filter(([name, check]) => !check(value[name]));
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(fields, name));
  return [...wrong.map(([name]) => name), ...unknown];
}
function isPlanRequest(value) {
  return faultsOfPlan(value).length === 0;
}
function isApprovalRequest(value) {
  return faultsOfRequest(value).length === 0;
}
function matches(pattern) {
  return (value) => typeof value === "string" && pattern.test(value);
}
function listOf2(check) {
  return (value) => Array.isArray(value) && value.every((each) => check(each));
}
function isText2(value) {
  return typeof value === "string" && !new RegExp("\\p{Cs}", "u").test(value);
}
function isFlag2(value) {
  return typeof value === "boolean";
}
function isCount3(value) {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
function isCountOrUnknown(value) {
  return value === -1 || isCount3(value);
}
function isTime2(value) {
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isFinite(ms) && new Date(ms).toISOString() === value;
}
function isRecord(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/gateway/desk/heads.ts
var import_node_fs2 = require("node:fs");
var import_node_path2 = require("node:path");
var HeadError = class extends Error {
  name = "HeadError";
};
var HEAD_BYTES = 62;
var SIZE_DIGITS = 16;
var SID = /^[0-9A-HJKMNP-TV-Z]{26}$/;
var NAME_CHARACTERS_MAX = 512;
var OPEN_FILES_MAX = 64;
var HeadFiles = class {
  #directory;
  #open = /* @__PURE__ */ new Map();
  /** Keeps its files in `directory`, which is made (0700) when it is not there. */
  constructor(directory) {
    (0, import_node_fs2.mkdirSync)(directory, { recursive: true, mode: 448 });
    this.#directory = directory;
  }
  /**
   * Takes down which key signs a session's heads. `known` when this very registration was made before, `taken` when
   * the session has another key or origin: the first one stands.
   */
  register({ sid, origin, vkey }) {
    const path = (0, import_node_path2.join)(this.#directory, sid);
    const fresh = `${path}.new`;
    (0, import_node_fs2.rmSync)(fresh, { force: true });
    (0, import_node_fs2.writeFileSync)(fresh, `${headLine(0, Buffer.alloc(32))}${origin}
${vkey}
`, { flag: "wx", mode: 384 });
    try {
      (0, import_node_fs2.linkSync)(fresh, path);
      return "new";
    } catch (error) {
      if (!isCode(error, "EEXIST")) {
        throw error;
      }
      const open = this.#openSession(origin);
      return open?.sid === sid && open.verifier.vkey === vkey ? "known" : "taken";
    } finally {
      (0, import_node_fs2.rmSync)(fresh, { force: true });
    }
  }
  /** The keys trusted for an origin: the registered one, or none. */
  keysOf(origin) {
    const open = this.#openSession(origin);
    return open === void 0 ? [] : [open.verifier];
  }
  /** Is there a session of this id, registered now or by an earlier process. */
  isRegistered(sid) {
    return SID.test(sid) && (0, import_node_fs2.existsSync)((0, import_node_path2.join)(this.#directory, sid));
  }
  load(origin) {
    const open = this.#openSession(origin);
    if (open === void 0) {
      return void 0;
    }
    const bytes = Buffer.alloc(HEAD_BYTES);
    const count = (0, import_node_fs2.readSync)(open.file, bytes, 0, HEAD_BYTES, 0);
    const text = bytes.toString("latin1", 0, count);
    const size = parseCount(text.slice(0, SIZE_DIGITS).trimStart());
    const root = Buffer.from(text.slice(SIZE_DIGITS + 1), "base64");
    if (size === void 0 || headLine(size, root) !== text) {
      throw new HeadError(`the head of session ${open.sid} cannot be read: nothing more is cosigned for it`);
    }
    return { size, root };
  }
  save(origin, size, root) {
    const open = this.#openSession(origin);
    if (open === void 0 || (0, import_node_fs2.writeSync)(open.file, headLine(size, root), 0, "latin1") !== HEAD_BYTES) {
      throw new HeadError(`the head of ${origin} cannot be written: nothing more is cosigned for it`);
    }
  }
  close() {
    for (const { file } of this.#open.values()) {
      (0, import_node_fs2.closeSync)(file);
    }
    this.#open.clear();
  }
  #openSession(origin) {
    const known2 = this.#open.get(origin);
    if (known2 !== void 0) {
      return known2;
    }
    const sid = origin.slice(origin.lastIndexOf("/") + 1);
    if (!SID.test(sid)) {
      return void 0;
    }
    const path = (0, import_node_path2.join)(this.#directory, sid);
    let file;
    try {
      file = (0, import_node_fs2.openSync)(path, "r+");
    } catch (error) {
      if (isCode(error, "ENOENT")) {
        return void 0;
      }
      throw error;
    }
    const [, ownOrigin, vkey] = (0, import_node_fs2.readFileSync)(path, "utf8").split("\n");
    if (ownOrigin !== origin || vkey === void 0) {
      (0, import_node_fs2.closeSync)(file);
      return void 0;
    }
    const open = { sid, file, verifier: parseVkey(vkey) };
    this.#open.set(origin, open);
    const [oldest] = this.#open;
    if (this.#open.size > OPEN_FILES_MAX && oldest !== void 0) {
      (0, import_node_fs2.closeSync)(oldest[1].file);
      this.#open.delete(oldest[0]);
    }
    return open;
  }
};
function faultOfRegistration({ sid, origin, vkey }) {
  if (!SID.test(sid)) {
    return "sid must be a ULID: 26 characters of Crockford's base 32";
  }
  if (!isKeyName(origin) || origin.length > NAME_CHARACTERS_MAX || !origin.endsWith(`/${sid}`)) {
    return "origin must be a name without blanks that ends in / and the session's id";
  }
  try {
    return vkey.length <= NAME_CHARACTERS_MAX * 2 && parseVkey(vkey).kind === "log" ? "" : "vkey must be of type 0x01";
  } catch {
    return "vkey must be a C2SP verifier key of type 0x01";
  }
}
function headLine(size, root) {
  return `${String(size).padStart(SIZE_DIGITS)} ${Buffer.from(root).toString("base64")}
`;
}
function isCode(error, code) {
  return error instanceof Error && "code" in error && error.code === code;
}

// src/gateway/desk/gateway-door.ts
var WAIT_SECONDS_MAX = 30;
var REASON_CHARACTERS_MAX = 1e3;
var STATEMENT_MAX = 64 * 1024;
var ERASURE_MAX = 700 * 1024;
function gatewayDoor(door) {
  return (request, response) => {
    void route(door, request, response).catch((error) => answerError(response, error, door.log));
  };
}
async function route(door, request, response) {
  if (!isSameSecret(request.headers.authorization ?? "", `Bearer ${door.secret}`)) {
    throw new Refused(403, "this socket belongs to the gateway that started the countersigner");
  }
  const [pathname = "", query = ""] = (request.url ?? "").split("?", 2);
  switch (`${request.method} ${pathname}`) {
    case "POST /add-checkpoint": {
      const answer = door.witness.addCheckpoint(await readText(request), Math.floor(door.clock() / 1e3));
      answerText(response, answer.status, answer.body, answer.contentType);
      return;
    }
    case "POST /v1/sessions":
      register(door, await readJson(request), response);
      return;
    case "POST /v1/requests":
      submit(door, await readJson(request), response);
      return;
    case "POST /v1/custody":
      keep(door, await readJson(request), response);
      return;
    case "GET /v1/health":
      answerJson(response, 200, { ok: true, vkey: door.vkey, person: door.person });
      return;
  }
  const [, id = "", rest = ""] = /^\/v1\/requests\/([^/]+)(\/answer)?$/.exec(pathname) ?? [];
  if (id === "") {
    throw new Refused(404, "there is nothing here");
  }
  if (request.method === "GET" && rest === "") {
    await wait(door, { id, seconds: Number(new URLSearchParams(query).get("wait") ?? "0"), response });
  } else if (request.method === "DELETE" && rest === "") {
    door.book.withdraw(id);
    answerJson(response, 200, state(door.book, id));
  } else if (request.method === "POST" && rest === "/answer") {
    onAnswer(door, { id, body: await readJson(request), response });
  } else {
    throw new Refused(405, "this cannot be done here");
  }
}
function register(door, body, response) {
  const registration = {
    sid: textField(body, "sid", 26),
    origin: textField(body, "origin", 1024),
    vkey: textField(body, "vkey", 1024)
  };
  const fault = faultOfRegistration(registration);
  if (fault !== "") {
    throw new Refused(400, fault);
  }
  const outcome = door.heads.register(registration);
  if (outcome === "taken") {
    door.log(`countersigner: session ${registration.sid} was registered a second time with another key or origin`);
    throw new Refused(409, "this session is registered with another key or origin; the first one stands");
  }
  answerJson(response, outcome === "new" ? 201 : 200, { vkey: door.vkey });
}
function keep(door, body, response) {
  const origin = textField(body, "origin", 1024);
  try {
    if (body["statement"] !== void 0) {
      answerJson(response, 200, { ...door.custody.signStatement(origin, textField(body, "statement", STATEMENT_MAX)) });
    } else if (body["erasure"] !== void 0) {
      answerJson(response, 200, { ...door.custody.signErasure(origin, textField(body, "erasure", ERASURE_MAX)) });
    } else if (body["checkpoint"] !== void 0) {
      const text = textField(body, "checkpoint", 4096);
      answerJson(response, 200, { lines: door.custody.signCheckpoint(origin, text, Math.floor(door.clock() / 1e3)) });
    } else answerJson(response, 200, { vkey: door.custody.logVkey(origin) });
  } catch (error) {
    if (error instanceof CustodyError || error instanceof NoteError) throw new Refused(409, error.message);
    throw error;
  }
}
function submit(door, body, response) {
  if (!isApprovalRequest(body) && !isPlanRequest(body)) {
    const faults = "statements" in body ? faultsOfPlan(body) : faultsOfRequest(body);
    throw new Refused(400, `not an approval request; look at: ${faults.join(", ").slice(0, 500)}`);
  }
  if (!door.heads.isRegistered(body.sid)) {
    throw new Refused(404, `session ${body.sid} is not registered here`);
  }
  door.book.submit(body);
  answerJson(response, 201, { id: body.id });
}
function onAnswer(door, {
  id,
  body,
  response
}) {
  const word = body["answer"];
  if (word !== "approve" && word !== "refuse") {
    throw new Refused(400, "answer must be approve or refuse");
  }
  const cast = door.book.answer({
    id,
    digest: textField(body, "digest", 64),
    word,
    // Never the body's own login: whoever speaks on this socket speaks for this machine's person and nobody else.
    login: door.person,
    via: "terminal",
    reason: textField(body, "reason", REASON_CHARACTERS_MAX)
  });
  if (!cast.counted) {
    door.log(`countersigner: an answer to request ${id} had no effect: ${cast.why}`);
  }
  answerJson(response, cast.counted ? 200 : 409, { ...state(door.book, id), ...cast });
}
async function wait(door, { id, seconds, response }) {
  if (!(seconds >= 0 && seconds <= WAIT_SECONDS_MAX)) {
    throw new Refused(400, `wait is 0 to ${WAIT_SECONDS_MAX} seconds`);
  }
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const until = performance.now() + seconds * 1e3;
  while (door.book.entry(id).answered === void 0 && !gone.signal.aborted) {
    const left = until - performance.now();
    if (left <= 0) {
      break;
    }
    await door.book.change(door.book.version, left, gone.signal);
  }
  answerJson(response, 200, state(door.book, id));
}
function state(book, id) {
  const { answered, ballot } = book.entry(id);
  return answered === void 0 ? { state: "pending", approvals: ballot.votes.length } : { state: "answered", answered };
}

// src/gateway/desk/call.ts
var REPLY_BYTES_MAX = 4 * 1024 * 1024;

// src/gateway/desk/head-frames.ts
var FRAME_BYTES_MAX = 64 * 1024;
var LENGTH_BYTES = 4;
var FrameError = class extends Error {
  name = "FrameError";
};
function encodeHeadFrame(text) {
  const length = Buffer.byteLength(text);
  if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + length);
  frame.writeUInt32BE(length);
  frame.write(text, LENGTH_BYTES, "utf8");
  return frame;
}
var HeadFrames = class {
  #rest = Buffer.alloc(0);
  /** The texts that are whole now. Throws FrameError for a length beyond the bound; nothing of the stream counts then. */
  take(chunk) {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const texts2 = [];
    while (bytes.length >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE();
      if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`);
      if (bytes.length < LENGTH_BYTES + length) break;
      texts2.push(bytes.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + length));
      bytes = bytes.subarray(LENGTH_BYTES + length);
    }
    this.#rest = bytes;
    return texts2;
  }
};

// src/gateway/desk/head-door.ts
function headSocketPath(socketPath) {
  return `${socketPath}.heads`;
}

// src/gateway/desk/head-server.ts
var import_node_net = require("node:net");
var SECRET_MS_MAX = 5e3;
var SECRET_CHARACTERS_MAX = 256;
var CONNECTIONS_MAX = 16;
var NEWLINE = 10;
function headServer(parts) {
  const sockets = /* @__PURE__ */ new Set();
  const server = (0, import_node_net.createServer)((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serve(socket, parts);
  });
  server.maxConnections = CONNECTIONS_MAX;
  return {
    server,
    async close() {
      await new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    }
  };
}
function serve(socket, parts) {
  const frames = new HeadFrames();
  let said2 = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), SECRET_MS_MAX);
  socket.on("error", () => socket.destroy());
  socket.on("close", () => clearTimeout(late));
  const take = (chunk) => {
    for (const body of frames.take(chunk)) socket.write(encodeHeadFrame(answerTo(body, parts)));
  };
  socket.on("data", (chunk) => {
    try {
      if (said2 === void 0) return take(chunk);
      said2 = Buffer.concat([said2, chunk]);
      const end = said2.indexOf(NEWLINE);
      if (end === -1 && said2.length <= SECRET_CHARACTERS_MAX) return;
      if (!isSameSecret(said2.toString("latin1", 0, Math.max(0, end)), parts.secret)) {
        socket.destroy();
        return;
      }
      clearTimeout(late);
      const rest = said2.subarray(end + 1);
      said2 = void 0;
      take(rest);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      socket.destroy();
    }
  });
}
function answerTo(body, { answer, log }) {
  try {
    const { status, body: text } = answer(body);
    return `${status} ${text}`;
  } catch (error) {
    log(`countersigner: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    return "500 the countersigner failed; nothing was answered or signed";
  }
}

// src/approval/display.ts
var PARAMS_SHOWN_MAX = 500;
var OBJECTS_SHOWN_MAX = 200;
var NAME_CHARACTERS_MAX2 = 200;
var BLANK_LINES_MAX = 4;
var BLANKS_MAX = 64;
var DIGEST_HEAD_CHARACTERS = 12;
var UNREADABLE = ["unknown", "Unreadable command that names", "Unreadable command"];
var DANGER = /* @__PURE__ */ new Set(["delete", "schema", "grant", "admin", "unknown"]);
var WARN = /* @__PURE__ */ new Set(["write", "execute"]);
var VERBS = [
  UNREADABLE,
  ["grant", "Change privileges on", "Change privileges"],
  ["admin", "Administer", "Administer the server"],
  ["schema", "Change the schema of", "Change the schema"],
  ["delete", "Delete from", "Delete"],
  ["execute", "Run code on", "Run code"],
  ["write", "Write to", "Write"],
  ["session", "Change settings of", "Change session settings"],
  ["read", "Read", "Read"]
];
function viewRequest(request) {
  const text = spans(request.text);
  return {
    id: request.id,
    digest: request.digest,
    digestHead: request.digest.slice(0, DIGEST_HEAD_CHARACTERS),
    target: visible(request.target),
    headline: headline(request),
    chips: request.effects.map((effect) => ({ effect, tone: toneOf(effect) })),
    warnings: warnings(request, text),
    facts: facts(request),
    objectsHidden: Math.max(0, request.objects.length - OBJECTS_SHOWN_MAX),
    text,
    bytes: request.bytes,
    characters: request.text.length,
    lines: request.text.split("\n").length,
    params: request.params.slice(0, PARAMS_SHOWN_MAX).map((value, at) => ({ position: at + 1, value: spans(value) })),
    paramsHidden: Math.max(0, request.params.length - PARAMS_SHOWN_MAX),
    requestedAt: request.requestedAt,
    expiresAt: request.expiresAt,
    need: Math.max(1, request.terms.count)
  };
}
function toneOf(effect) {
  return DANGER.has(effect) ? "danger" : WARN.has(effect) ? "warn" : "calm";
}
function impactWords(impact) {
  if (impact.counted >= 0) {
    const plan = impact.estimated >= 0 && impact.estimated !== impact.counted ? `; the plan estimates ${number(impact.estimated)}` : "";
    return `Would touch ${rows(impact.counted)} (counted before it ran${plan})`;
  }
  const note = impact.note === "" ? "" : ` (${visible(impact.note)})`;
  if (impact.estimated >= 0) {
    return `The plan estimates ${rows(impact.estimated)}${note === "" ? " (not counted)" : note}`;
  }
  return `Not known${note === "" ? ": the target gave no number" : note}`;
}
function reachWords(request) {
  const changesRows = request.effects.some((each) => each === "write" || each === "delete");
  if (request.bounded) {
    return changesRows ? "Limited by a condition" : "";
  }
  if (!changesRows) {
    return "No condition limits it";
  }
  return request.objects.length === 0 ? "Reaches every row of whatever it touches" : `Reaches every row of ${listed(request.objects)}`;
}
function visible(text) {
  return text.replace(HIDING, escapeOf);
}
function spans(text) {
  const found = [];
  let from = 0;
  for (const match of text.matchAll(FOLDED_OR_HIDING)) {
    if (match.index > from) {
      found.push({ kind: "text", text: text.slice(from, match.index) });
    }
    found.push(standIn(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length) {
    found.push({ kind: "text", text: text.slice(from) });
  }
  return found;
}
var HIDING_CLASS = String.raw`[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{DI}\u{00A0}\u{1680}\u{2000}-\u{200A}\u{202F}\u{205F}\u{3000}\u{2800}]`;
var HIDING = new RegExp(`(?!\\n)${HIDING_CLASS}`, "gu");
var FOLDED_OR_HIDING = new RegExp(
  `\\\\u\\{[0-9A-F]{1,6}\\}|\\n(?:[ \\t\\r]*\\n){${BLANK_LINES_MAX + 1},}|[ \\t]{${BLANKS_MAX + 1},}|\\t|(?!\\n)${HIDING_CLASS}`,
  "gu"
);
function standIn(found) {
  if (found.startsWith("\n")) {
    const blank = found.split("\n").length - 2;
    return { kind: "note", text: `
[${number(blank)} blank lines]
` };
  }
  if (found.length > BLANKS_MAX) {
    return { kind: "note", text: `[${number(found.length)} blanks]` };
  }
  if (found === "	") {
    return { kind: "text", text: "    " };
  }
  return { kind: "escape", text: found.startsWith("\\u{") ? found : escapeOf(found) };
}
function escapeOf(character) {
  const code = character.codePointAt(0) ?? 0;
  return `\\u{${code.toString(16).toUpperCase()}}`;
}
function headline(request) {
  const [, before, alone] = VERBS.find(([effect]) => request.effects.includes(effect)) ?? UNREADABLE;
  const [first, ...rest] = request.objects;
  if (first === void 0) {
    return alone;
  }
  const more = rest.length === 0 ? "" : ` and ${number(rest.length)} more`;
  return `${before} ${shortened(first)}${more}`;
}
function warnings(request, text) {
  const found = [];
  if (request.effects.includes("unknown")) {
    found.push("This command could not be read. What it does is not known; only its text is.");
  }
  if (request.inTransaction) {
    found.push("It waits inside an open transaction: locks at the target are held until you answer.");
  }
  if (request.objects.length === 0) {
    found.push("What it would touch could not be told. Read the text as if it could touch anything.");
  }
  if (text.some((each) => each.kind === "escape")) {
    found.push("The text holds characters that hide or reorder others. They are shown as \\u{\u2026}.");
  }
  const lookalike = mixedScriptWord(request.text) ?? request.objects.map(mixedScriptWord).find((each) => each !== void 0);
  if (lookalike !== void 0) {
    found.push(`Letters of several alphabets in one word, which may imitate another name: ${lookalike}`);
  }
  if (COMMENT.test(request.text)) {
    found.push("The text may hold comments. They were written by the job and prove nothing.");
  }
  if (request.terms.count > 1) {
    found.push(`${request.terms.count} different people must approve.`);
  }
  return found;
}
var COMMENT = /--|\/\*|(?:^|\s)#/u;
var WORD = /[\p{L}\p{M}\p{N}_]+/gu;
var IMITATING = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Coptic}\u{FF21}-\u{FF5A}]/u;
function mixedScriptWord(text) {
  for (const [word] of text.matchAll(WORD)) {
    if (/[A-Za-z]/.test(word) && IMITATING.test(word)) {
      const shown = word.replace(/[^\x20-\x7E]/gu, (character) => escapeOf(character));
      return shortened(shown);
    }
  }
  return void 0;
}
function facts(request) {
  const { identity, impact, maskedSpans } = request;
  const isUncounted = impact.counted < 0 && impact.estimated < 0;
  const all = [
    fact("first", "Reach", reachWords(request), request.bounded ? "calm" : "danger"),
    fact("first", "Rows", impactWords(impact), isUncounted ? "warn" : "calm"),
    request.objects.length === 0 ? fact("first", "Touches", "Could not be told", "warn") : fact("first", "Touches", listed(request.objects)),
    fact("first", "Rule", `${request.rule}: ${request.message}`),
    fact("first", "Masked", maskedWords(maskedSpans)),
    fact("more", "Because", request.matched.join(", ")),
    fact("more", "Reading", request.why.join("; ")),
    fact("more", "Policy", request.policy),
    said("Asked by", people(identity.actor, identity.triggeringActor)),
    said("Workflow", identity.workflowRef),
    said("Job", [identity.job, identity.run === "" ? "" : `run ${identity.run}`].filter(isSaid).join(", ")),
    said("Repository", identity.repository),
    said("Commit", identity.commit),
    said("Branch", identity.ref),
    said("Environment", identity.environment)
  ];
  return all.filter((each) => isSaid(each.value));
}
function fact(group, label, value, tone = "calm") {
  return { group, label, value: visible(value), tone };
}
function said(label, value) {
  return { group: "job", label, value: shortened(value), tone: "calm" };
}
function isSaid(value) {
  return value !== "";
}
function maskedWords(count) {
  if (count === 0) {
    return "";
  }
  return count === 1 ? "1 value is hidden here; an answer covers the real one" : `${number(count)} values are hidden here; an answer covers the real ones`;
}
function people(actor, triggering) {
  return triggering === "" || triggering === actor ? actor : `${actor}, started again by ${triggering}`;
}
function listed(names) {
  const shown = names.slice(0, OBJECTS_SHOWN_MAX).map(visible).join(", ");
  const hidden = names.length - OBJECTS_SHOWN_MAX;
  return hidden > 0 ? `${shown} and ${number(hidden)} more that are not listed here` : shown;
}
function shortened(name) {
  const shown = visible(name).replaceAll("\n", "\\n");
  const hidden = shown.length - NAME_CHARACTERS_MAX2;
  return hidden > 0 ? `${shown.slice(0, NAME_CHARACTERS_MAX2)}\u2026 (${number(hidden)} more characters)` : shown;
}
function rows(count) {
  return count === 1 ? "1 row" : `${number(count)} rows`;
}
function number(count) {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

// src/approval/plan-view.ts
function viewAsked(request) {
  if (!("statements" in request)) return viewRequest(request);
  const { statements, ...common } = request;
  const each = statements.map((statement) => viewRequest({ ...common, ...statement, params: [] }));
  const view = viewRequest(common);
  const text = statements.flatMap((statement, at) => [
    { kind: "note", text: `${titleOf(statement, { at, of: statements.length })}
` },
    ...each[at]?.text ?? [],
    { kind: "text", text: at + 1 === statements.length ? "" : "\n\n" }
  ]);
  return {
    ...view,
    headline: `A plan of ${number(statements.length)} statements. ${view.headline}`,
    warnings: [...new Set(each.flatMap(({ warnings: warnings2 }) => warnings2))],
    text,
    characters: statements.reduce((sum, statement) => sum + statement.text.length, 0),
    lines: each.reduce((sum, { lines }) => sum + lines, 0)
  };
}
function titleOf({ effects, objects, bounded, impact }, { at, of }) {
  const names = objects.length === 0 ? "" : ` on ${objects.map((name) => visible(name).replaceAll("\n", " ")).join(", ")}`;
  const reach = bounded ? "" : ", limited by no condition";
  const rows2 = impact.counted < 0 ? "" : `, would touch ${number(impact.counted)} rows`;
  return `Statement ${number(at + 1)} of ${number(of)}: ${effects.join(", ")}${names}${reach}${rows2}`;
}

// src/gateway/desk/page.css.ts
var PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f4f1; --sheet: #ffffff; --well: #f7f7f5; --line: #d9d9d3; --ink: #1a1c1f; --soft: #565b63;
  --accent: #174a8c; --on-accent: #ffffff; --danger: #9c1f18; --danger-well: #fbeae8; --warn: #7a4b00; --warn-well: #fcf1dc;
  --good: #1d6238; --focus: #1f66c7; --shadow: 0 1px 2px rgb(0 0 0 / .06), 0 6px 20px rgb(0 0 0 / .05);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121315; --sheet: #1b1d20; --well: #141618; --line: #34383d; --ink: #e9eaec; --soft: #a5abb4;
    --accent: #8fb8f5; --on-accent: #0c1c33; --danger: #ff9f96; --danger-well: #391c1a; --warn: #f2c069; --warn-well: #33270f;
    --good: #84d3a0; --focus: #8fb8f5; --shadow: none;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%;
}
h1, h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
code, pre, kbd { font-family: var(--mono); font-size: .92em; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 .35em; font-size: .8em; }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

.bar {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem 1rem;
  padding: .7rem max(1rem, calc(50% - 25rem)); background: var(--ground); border-bottom: 1px solid var(--line);
}
.bar h1 { font-size: 1rem; font-weight: 650; letter-spacing: .01em; }
.count { color: var(--soft); }
.count.some { color: var(--danger); font-weight: 600; }
.who { margin-left: auto; color: var(--soft); overflow-wrap: anywhere; }
.who b { color: var(--ink); font-weight: 600; }
main, .foot, .notice { width: min(100% - 2rem, 50rem); margin: 0 auto; }
main { padding: 1.25rem 0 2rem; }
.foot { padding-bottom: 2rem; color: var(--soft); font-size: .85rem; }
.notice { margin-top: 1rem; padding: .7rem 1rem; border-radius: 8px; background: var(--warn-well); color: var(--warn); }

button { font: inherit; color: inherit; border-radius: 8px; padding: .5rem 1.1rem; min-height: 2.6rem; border: 1px solid var(--line); background: var(--sheet); cursor: pointer; }
button:disabled { opacity: .55; cursor: default; }
button.quiet { border: 0; background: none; padding: 0 .3rem; min-height: 0; color: var(--soft); }
button.approve { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600; }
button.deny { color: var(--danger); border-color: currentColor; font-weight: 600; }
button kbd { margin-left: .4em; border-color: currentColor; opacity: .75; }

.card { position: relative; margin-bottom: 1.25rem; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); overflow: clip; scroll-margin: 4rem 0 1rem; }
.card > * { padding-inline: 1.25rem; }
.left { height: 3px; padding: 0 !important; background: var(--line); }
.left i { display: block; height: 100%; background: var(--accent); transform-origin: left; }
.soon .left i { background: var(--danger); }
.top { display: flex; gap: 1rem; align-items: flex-start; padding-top: 1rem; }
.top > div:first-child { flex: 1; min-width: 0; }
.where { color: var(--soft); font-size: .88rem; overflow-wrap: anywhere; }
.card h2 { font-size: 1.3rem; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; margin: .1rem 0 .5rem; }
.clock { text-align: right; white-space: nowrap; }
.clock b { display: block; font: 600 1.3rem/1.3 var(--mono); font-variant-numeric: tabular-nums; }
.clock span { color: var(--soft); font-size: .82rem; }
.soon .clock b { color: var(--danger); }
.chips { display: flex; flex-wrap: wrap; gap: .35rem; }
.chips li { font-size: .8rem; font-weight: 600; padding: .05rem .55rem; border-radius: 99px; border: 1px solid var(--line); color: var(--soft); }
.chips .danger { color: var(--danger); background: var(--danger-well); border-color: transparent; }
.chips .warn { color: var(--warn); background: var(--warn-well); border-color: transparent; }

.warnings { margin: .9rem 1.25rem 0; padding: .6rem .9rem; border-radius: 8px; background: var(--warn-well); color: var(--warn); font-size: .92rem; }
.warnings li + li { margin-top: .3rem; }
.facts { padding-top: .9rem; }
.facts div { display: grid; grid-template-columns: 6.5rem 1fr; gap: 1rem; padding: .14rem 0; }
.facts dt { color: var(--soft); font-size: .9rem; }
.facts dd { overflow-wrap: anywhere; min-width: 0; max-height: 9rem; overflow: auto; }
.part + .facts { padding-top: .25rem; font-size: .9rem; }
.facts.job { display: grid; grid-template-columns: 1fr 1fr; column-gap: 1.5rem; }
.facts.job div { grid-template-columns: 6.5rem 1fr; }
.facts .danger { color: var(--danger); font-weight: 600; }
.facts .warn { color: var(--warn); font-weight: 600; }
.part { padding-top: 1.1rem; display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; }
.part h3, .rule { font-size: .9rem; font-weight: 600; }
.part span { color: var(--soft); font-size: .82rem; text-align: right; }
.text { margin: .4rem 1.25rem 0; padding: .8rem .9rem !important; max-height: min(24rem, 55vh); overflow: auto; background: var(--well); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.55; }
.text, .facts dd, .params td { direction: ltr; unicode-bidi: bidi-override; }
.escape { color: var(--danger); background: var(--danger-well); border-radius: 3px; padding: 0 .15em; }
.note { color: var(--warn); font-style: italic; font-family: system-ui, sans-serif; }
.params { width: calc(100% - 2.5rem); margin: .4rem 1.25rem 0; padding: 0 !important; border: 1px solid var(--line); border-radius: 8px; max-height: 14rem; overflow: auto; background: var(--well); }
.params table { border-collapse: collapse; width: 100%; }
.params th, .params td { text-align: left; vertical-align: top; padding: .3rem .9rem; font: .88rem/1.5 var(--mono); overflow-wrap: anywhere; white-space: pre-wrap; }
.params th { width: 4rem; color: var(--soft); font-weight: 400; }
.params tr + tr > * { border-top: 1px solid var(--line); }
.null { color: var(--soft); font-style: italic; }
.bound { padding-top: 1rem; color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.actions { display: flex; flex-wrap: wrap; gap: .7rem; justify-content: flex-end; padding-block: 1rem 1.15rem; }
.confirm { margin-top: 1rem; padding-block: 1rem 1.15rem; border-top: 1px solid var(--line); background: var(--well); }
.confirm p { font-weight: 600; }
.confirm label { display: block; margin-top: .6rem; color: var(--soft); font-size: .88rem; }
.confirm textarea { display: block; width: 100%; margin-top: .25rem; padding: .5rem .7rem; font: inherit; font-size: 1rem; color: var(--ink); background: var(--sheet); border: 1px solid var(--soft); border-radius: 8px; min-height: 2.6rem; max-height: 10rem; resize: vertical; field-sizing: content; }
.confirm .actions { padding: .8rem 0 0; }
.failed { color: var(--danger); font-weight: 600; padding-bottom: 1rem; }

.empty { max-width: 36rem; margin: 12vh auto; text-align: center; color: var(--soft); }
.empty.after { margin: 3rem auto; }
.empty p { text-wrap: balance; }
.empty h2 { color: var(--ink); font-size: 1.3rem; font-weight: 650; margin-bottom: .6rem; }
.empty p + p { margin-top: .6rem; }
.rule { margin: 2.2rem 0 .6rem; color: var(--soft); }
.history { border: 1px solid var(--line); border-radius: 12px; background: var(--sheet); overflow: clip; }
.history > li + li { border-top: 1px solid var(--line); }
.history summary { display: grid; grid-template-columns: 6.5rem 1fr auto; gap: .1rem 1rem; padding: .75rem 1.25rem; cursor: pointer; list-style: none; }
.history summary::-webkit-details-marker { display: none; }
.history summary:focus-visible { outline-offset: -3px; }
.word { font-weight: 650; color: var(--soft); }
.word.approved { color: var(--good); }
.word.refused { color: var(--danger); }
.what { overflow-wrap: anywhere; }
.when { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.how { grid-column: 2 / -1; color: var(--soft); font-size: .9rem; overflow-wrap: anywhere; }
.history .body { padding-bottom: 1.1rem; }
.history .body > * { padding-inline: 1.25rem; }

dialog { width: min(100% - 2rem, 26rem); color: inherit; background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem; }
dialog::backdrop { background: rgb(0 0 0 / .45); }
dialog h2 { font-size: 1.05rem; margin-bottom: .7rem; }
.keys div { display: flex; justify-content: space-between; gap: 1rem; padding: .3rem 0; }
.keys dd { color: var(--soft); text-align: right; }
dialog form { text-align: right; margin-top: .8rem; }

@media (max-width: 34rem) {
  .who { order: 3; flex-basis: 100%; margin: 0; font-size: .88rem; }
  main, .foot, .notice { width: min(100% - 1.25rem, 50rem); }
  .card > * { padding-inline: .9rem; }
  .card h2 { font-size: 1.15rem; }
  .top { flex-direction: column; gap: .3rem; padding-top: .7rem; }
  .clock { order: -1; text-align: left; }
  .clock b { display: inline; font-size: 1rem; margin-right: .4em; }
  .text, .params, .warnings { margin-inline: .9rem; }
  .params { width: calc(100% - 1.8rem); }
  .facts div, .facts.job div { grid-template-columns: 5rem 1fr; gap: .6rem; }
  .facts dt { font-size: .82rem; padding-top: .1rem; }
  .facts.job { grid-template-columns: 1fr; }
  #help-open { display: none; }
  .part { flex-wrap: wrap; gap: 0 1rem; }
  .part span { text-align: left; }
  .actions button { flex: 1; }
  .history summary { grid-template-columns: 1fr auto; padding-inline: .9rem; }
  .what, .how { grid-column: 1 / -1; }
  .when { grid-row: 1; grid-column: 2; }
  button kbd { display: none; }
}
@media (prefers-reduced-motion: no-preference) { .left i { transition: transform 1s linear; } }
`;

// src/gateway/desk/page.js.ts
var PAGE_SCRIPT = String.raw`
"use strict";
(function () {
  var waiting = document.getElementById("waiting");
  var history = document.getElementById("history");
  var spoken = document.getElementById("spoken");
  var notice = document.getElementById("notice");
  var help = document.getElementById("help");
  var cards = new Map();
  var ended = new Map();
  var clockAhead = 0;
  var closed = false;

  function make(tag, attributes) {
    var element = document.createElement(tag);
    for (var name in attributes) element.setAttribute(name, attributes[name]);
    for (var at = 2; at < arguments.length; at += 1) if (arguments[at] !== null) element.append(arguments[at]);
    return element;
  }

  function hide(element, hidden) { element.hidden = hidden; }

  function spansInto(element, spans) {
    spans.forEach(function (span) {
      element.append(span.kind === "text" ? span.text : make("span", { class: span.kind }, span.text));
    });
    return element;
  }

  function count(number, word) { return number.toLocaleString("en") + " " + word + (number === 1 ? "" : "s"); }

  function time(ms) {
    return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }

  function remaining(ms) {
    var seconds = Math.max(0, Math.ceil(ms / 1000));
    var parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    if (parts[0] === 0) parts.shift();
    return parts.map(function (part, at) { return at === 0 ? String(part) : String(part).padStart(2, "0"); }).join(":");
  }

  // ---- one request

  function factList(view, group) {
    var list = make("dl", { class: "facts " + group });
    view.facts.filter(function (fact) { return fact.group === group; }).forEach(function (fact) {
      list.append(make("div", {}, make("dt", {}, fact.label), make("dd", { class: fact.tone }, fact.value)));
    });
    return list;
  }

  function part(title, aside) {
    return make("div", { class: "part" }, make("h3", {}, title), make("span", {}, aside));
  }

  function params(view) {
    var body = make("tbody", {});
    view.params.forEach(function (param) {
      var value = param.value === null ? make("td", { class: "null" }, "NULL") : spansInto(make("td", {}), param.value);
      body.append(make("tr", {}, make("th", { scope: "row" }, "$" + param.position), value));
    });
    return make("div", { class: "params", tabindex: "0", role: "group", "aria-label": "Parameters" }, make("table", {}, body));
  }

  function bodyOf(view) {
    var parts = [];
    if (view.repeats > 0) view.warnings.push("This same text was asked " + (view.repeats === 1 ? "once" : count(view.repeats, "time")) + " before in this session.");
    if (view.warnings.length > 0) {
      var list = make("ul", { class: "warnings" });
      view.warnings.forEach(function (each) { list.append(make("li", {}, each)); });
      parts.push(list);
    }
    parts.push(factList(view, "first"));
    parts.push(part("Command", count(view.lines, "line") + ", " + count(view.characters, "character") + ", shown whole"));
    parts.push(spansInto(make("pre", { class: "text", tabindex: "0", role: "group", "aria-label": "Command text" }), view.text));
    if (view.params.length > 0) {
      parts.push(part("Parameters", count(view.params.length, "value") +
        (view.paramsHidden > 0 ? " shown, " + view.paramsHidden.toLocaleString("en") + " more are not; the answer covers them too" : "")));
      parts.push(params(view));
    }
    // A command whose reading says nothing more needs no empty heading.
    if (view.facts.some(function (fact) { return fact.group === "more"; })) parts.push(part("Why it is held", "as policy says"), factList(view, "more"));
    if (view.facts.some(function (fact) { return fact.group === "job"; })) parts.push(part("Who asks", "as the job says of itself"), factList(view, "job"));
    parts.push(make("p", { class: "bound" }, "An answer covers exactly these " + count(view.bytes, "byte") + ", once. Request ",
      make("code", {}, view.id), ", digest ", make("code", { title: view.digest }, view.digestHead + "…")));
    return parts;
  }

  function makeCard(view) {
    var title = "title-" + view.id;
    var fill = make("i", {});
    var left = make("b", { role: "timer" });
    var chips = make("ul", { class: "chips", "aria-label": "Effects" });
    view.chips.forEach(function (chip) { chips.append(make("li", { class: chip.tone }, chip.effect)); });
    var approvals = make("span", {});
    var top = make("div", { class: "top" },
      make("div", {},
        make("p", { class: "where" }, "Held since " + time(view.askedAt) + " on " + view.target, approvals),
        make("h2", { id: title }, view.headline), chips),
      make("div", { class: "clock" }, left, make("span", {}, "until it is refused")));
    var deny = make("button", { type: "button", class: "deny" }, "Deny", make("kbd", { "aria-hidden": "true" }, "d"));
    var approve = make("button", { type: "button", class: "approve" }, "Approve…", make("kbd", { "aria-hidden": "true" }, "a"));
    var actions = make("div", { class: "actions" }, deny, approve);
    var element = make("article", { class: "card", tabindex: "-1", "aria-labelledby": title }, make("div", { class: "left" }, fill), top);
    bodyOf(view).forEach(function (each) { element.append(each); });
    element.append(actions);
    var card = { view: view, element: element, actions: actions, approvals: approvals, form: null, deny: deny, approve: approve, fill: fill, left: left };
    deny.addEventListener("click", function () { ask(card, "refuse"); });
    approve.addEventListener("click", function () { ask(card, "approve"); });
    return card;
  }

  // Asks once more, with room for a reason, in the place of the two buttons.
  function ask(card, word) {
    if (card.form !== null || card.element.isConnected === false) return;
    var approving = word === "approve";
    var reason = make("textarea", { rows: "1", maxlength: "1000" });
    var back = make("button", { type: "button" }, "Go back");
    var send = make("button", { type: "submit", class: approving ? "approve" : "deny" }, approving ? "Approve once" : "Deny");
    var failed = make("p", { class: "failed", role: "alert", hidden: "" });
    var form = make("form", { class: "confirm" },
      make("p", {}, approving ? "Let exactly this command run, once?" : "Refuse this command?"),
      make("label", {}, "Why, for the record (optional)", reason),
      failed, make("div", { class: "actions" }, back, send));
    function leave() { form.remove(); hide(card.actions, false); card.form = null; card.element.focus(); }
    back.addEventListener("click", leave);
    form.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { event.preventDefault(); leave(); }
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target === reason) { event.preventDefault(); form.requestSubmit(); }
    });
    var opened = performance.now();
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      // The second half of a double click is not a second thought.
      if (performance.now() - opened < 400) return;
      send.disabled = true;
      post({ id: card.view.id, digest: card.view.digest, word: word, reason: reason.value.trim() }).then(function (error) {
        send.disabled = false;
        if (error === "") { leave(); return; }
        hide(failed, false);
        failed.textContent = error;
      });
    });
    card.form = form;
    hide(card.actions, true);
    card.element.append(form);
    form.scrollIntoView({ block: "nearest" });
    reason.focus();
  }

  function post(body) {
    return fetch("answer", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      .then(function (response) { return response.json(); })
      .then(function (answer) { return answer.error || ""; })
      .catch(function () { return "The countersigner did not answer. Nothing was sent twice; look at the terminal."; });
  }

  // ---- the past

  var WORDS = { approved: "Approved", refused: "Denied", expired: "Expired", withdrawn: "Withdrawn" };

  function how(item) {
    if (item.answer === "expired") return "Nobody answered in time, so it was refused.";
    if (item.answer === "withdrawn") return "The client cancelled or left before anybody answered.";
    var by = item.by.map(function (each) { return each.login + (each.via === "page" ? " on this page" : " in the " + each.via); }).join(", ");
    return "By " + by + (item.reason === "" ? "" : ": “" + item.reason + "”");
  }

  function makePast(item) {
    var details = make("details", {}, make("summary", {},
      make("span", { class: "word " + item.answer }, WORDS[item.answer]),
      make("span", { class: "what" }, item.headline + " on " + item.target),
      make("time", { class: "when" }, time(item.at)),
      make("span", { class: "how" }, how(item))));
    details.addEventListener("toggle", function () {
      if (!details.open || details.querySelector(".body") !== null) return;
      var body = make("div", { class: "body" });
      details.append(body);
      load(item.id).then(function (view) { bodyOf(view).forEach(function (each) { body.append(each); }); })
        .catch(function () { body.append(make("p", { class: "bound" }, "It is no longer kept here; the record has it.")); });
    });
    return make("li", {}, details);
  }

  // ---- keeping up

  function load(id) {
    return fetch("requests/" + id).then(function (response) {
      if (!response.ok) throw new Error("gone");
      return response.json();
    });
  }

  function apply(state) {
    clockAhead = state.now - Date.now();
    var ids = new Set(state.waiting.map(function (each) { return each.id; }));
    cards.forEach(function (card, id) { if (!ids.has(id)) drop(card, id); });
    state.answered.slice().reverse().forEach(function (item) {
      if (ended.has(item.id)) return;
      var past = makePast(item);
      ended.set(item.id, past);
      history.prepend(past);
      if (item.at > openedAt) say(WORDS[item.answer] + ": " + item.headline);
    });
    return Promise.all(state.waiting.map(function (each) {
      if (cards.has(each.id)) return cards.get(each.id);
      return load(each.id).then(function (view) {
        var card = makeCard(view);
        cards.set(each.id, card);
        waiting.append(card.element);
        say("A command waits for you. " + view.headline + ", on " + view.target);
        return card;
      }).catch(function () { return null; });
    })).then(function (all) {
      all.forEach(function (card, at) {
        var given = state.waiting[at].approvals;
        if (card !== null) card.approvals.textContent = given.length === 0 ? "" : ". Approved so far by " + given.join(", ") + " (" + given.length + " of " + card.view.need + ")";
      });
      summary();
      tick();
    });
  }

  var openedAt = Date.now();

  function drop(card, id) {
    var list = Array.from(cards.values());
    var next = list[list.indexOf(card) + 1] || list[list.indexOf(card) - 1];
    var held = card.element.contains(document.activeElement);
    cards.delete(id);
    card.element.remove();
    if (held && next) next.element.focus();
  }

  function summary() {
    var number = cards.size;
    var line = document.getElementById("count");
    line.textContent = closed ? "This run has ended" : number === 0 ? "Nothing waits" : count(number, "command") + (number === 1 ? " waits" : " wait");
    line.classList.toggle("some", number > 0);
    document.title = (number > 0 ? "(" + number + ") " : "") + "Countersign";
    var empty = document.getElementById("empty");
    hide(empty, number > 0 || closed);
    empty.classList.toggle("after", ended.size > 0);
    hide(document.getElementById("answered"), ended.size === 0);
  }

  function say(text) { spoken.textContent = text; }

  function tick() {
    var now = Date.now() + clockAhead;
    cards.forEach(function (card) {
      var left = card.view.deadlineAt - now;
      card.left.textContent = remaining(left);
      card.fill.style.transform = "scaleX(" + Math.max(0, Math.min(1, left / (card.view.deadlineAt - card.view.askedAt))) + ")";
      card.element.classList.toggle("soon", left < 60000);
    });
  }

  function follow(version, failures) {
    fetch("state?since=" + version).then(function (response) {
      if (!response.ok) throw new Error(String(response.status));
      return response.json();
    }).then(function (state) {
      hide(notice, true);
      return apply(state).then(function () { follow(state.version, 0); });
    }).catch(function () {
      if (failures < 3) { setTimeout(function () { follow(version, failures + 1); }, 400 * (failures + 1)); return; }
      closed = true;
      cards.forEach(drop);
      notice.textContent = "The countersigner has ended, and with it this run. What was not answered was refused. You can close this page.";
      hide(notice, false);
      summary();
    });
  }

  // ---- keys

  function current() {
    var list = Array.from(cards.values());
    return list.find(function (card) { return card.element.contains(document.activeElement); }) || null;
  }

  function step(by) {
    var list = Array.from(cards.values());
    if (list.length === 0) return;
    var at = list.indexOf(current());
    list[at === -1 ? 0 : Math.max(0, Math.min(list.length - 1, at + by))].element.focus();
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("textarea, input")) return;
    var inside = event.target.closest(".text, .params");
    var card = current() || (cards.size === 1 ? Array.from(cards.values())[0] : null);
    if (event.key === "j" || (event.key === "ArrowDown" && !inside)) step(1);
    else if (event.key === "k" || (event.key === "ArrowUp" && !inside)) step(-1);
    else if (event.key === "a" && card !== null) ask(card, "approve");
    else if (event.key === "d" && card !== null) ask(card, "refuse");
    else if (event.key === "?") help.showModal();
    else return;
    event.preventDefault();
  });
  document.getElementById("help-open").addEventListener("click", function () { help.showModal(); });

  setInterval(tick, 1000);
  follow(-1, 0);
})();
`;

// src/gateway/desk/page.ts
function renderPage({ nonce, person, vkey }) {
  const [, keyId = ""] = vkey.split("+");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Countersign</title>
<link rel="icon" href="data:,">
<style nonce="${nonce}">${PAGE_STYLE}</style>
</head>
<body>
<header class="bar">
  <h1>Countersign</h1>
  <p id="count" class="count"></p>
  <p class="who">You answer as <b>${escapeHtml(person)}</b></p>
  <button type="button" id="help-open" class="quiet" aria-haspopup="dialog">Keys <kbd>?</kbd></button>
</header>
<p id="notice" class="notice" role="alert" hidden></p>
<p id="spoken" class="spoken" role="status" aria-live="polite"></p>
<main>
  <noscript><p class="notice">This page needs JavaScript to show what waits. Answer in the terminal instead.</p></noscript>
  <section id="waiting" aria-label="Commands that wait for an answer"></section>
  <section id="empty" class="empty" hidden>
    <h2>Nothing waits for you</h2>
    <p>A job on this machine reaches its databases through Countersign. When it sends a command that policy holds for a
    person, the command stops and is shown here, whole, with what it would touch.</p>
    <p>Leave this page open: it updates by itself. What nobody answers in time is refused.</p>
  </section>
  <section id="answered" hidden aria-labelledby="answered-title">
    <h2 id="answered-title" class="rule">Answered in this run</h2>
    <ol id="history" class="history"></ol>
  </section>
</main>
<footer class="foot">Local countersigner, key <code>${escapeHtml(keyId)}</code>. Only this machine can reach this page.</footer>
<dialog id="help" aria-labelledby="help-title">
  <h2 id="help-title">Keys</h2>
  <dl class="keys">
    <div><dt><kbd>j</kbd> <kbd>k</kbd> or <kbd>\u2193</kbd> <kbd>\u2191</kbd></dt><dd>next, previous request</dd></div>
    <div><dt><kbd>a</kbd></dt><dd>approve, asks once more</dd></div>
    <div><dt><kbd>d</kbd></dt><dd>deny</dd></div>
    <div><dt><kbd>Enter</kbd></dt><dd>confirm</dd></div>
    <div><dt><kbd>Esc</kbd></dt><dd>go back</dd></div>
    <div><dt><kbd>?</kbd></dt><dd>this list</dd></div>
  </dl>
  <form method="dialog"><button class="plain">Close</button></form>
</dialog>
<script nonce="${nonce}">${PAGE_SCRIPT}</script>
</body>
</html>
`;
}
function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

// src/gateway/desk/page-door.ts
var WAIT_MS = 25e3;
var WAITING_PAGES_MAX = 16;
var ANSWERED_SHOWN_MAX = 100;
var NO_LINK = "This page needs the link that countersign printed when it started. Copy the whole link from that terminal and open it again.\n";
function pageDoor(door) {
  const waiting = /* @__PURE__ */ new Set();
  return (request, response) => {
    setGuards(response);
    void route2(door, { request, response, waiting }).catch((error) => answerError(response, error, door.log));
  };
}
async function route2(door, visit) {
  const { request, response } = visit;
  const host = request.headers.host ?? "";
  const port = request.socket.localPort;
  if (host !== `127.0.0.1:${port}` && host !== `localhost:${port}`) {
    answerText(response, 403, NO_LINK);
    return;
  }
  const [pathname = "", query = ""] = (request.url ?? "").split("?", 2);
  const [, token = "", path = ""] = /^\/([^/]*)\/(.*)$/.exec(pathname) ?? [];
  if (!isSameSecret(token, door.token)) {
    answerText(response, 403, NO_LINK);
    return;
  }
  if (request.method === "POST" && path === "answer") {
    onAnswer2(door, visit, await readAnswer(request, `http://${host}`));
  } else if (request.method !== "GET") {
    throw new Refused(405, "this cannot be done here");
  } else if (path === "") {
    showPage(door, response);
  } else if (path === "state") {
    await showState(door, visit, Number(new URLSearchParams(query).get("since") ?? "-1"));
  } else if (path.startsWith("requests/")) {
    showRequest(door, response, path.slice("requests/".length));
  } else {
    throw new Refused(404, "there is nothing here");
  }
}
function setGuards(response) {
  response.setHeader("cache-control", "no-store");
  response.setHeader("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  response.setHeader("cross-origin-opener-policy", "same-origin");
  response.setHeader("cross-origin-resource-policy", "same-origin");
  response.setHeader("referrer-policy", "no-referrer");
  response.setHeader("x-content-type-options", "nosniff");
  response.setHeader("x-frame-options", "DENY");
}
function showPage(door, response) {
  const nonce = Buffer.from(door.random(18)).toString("base64");
  response.setHeader(
    "content-security-policy",
    [
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      `style-src 'nonce-${nonce}'`,
      "connect-src 'self'",
      "img-src data:",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'"
    ].join("; ")
  );
  answerText(response, 200, renderPage({ nonce, person: door.person, vkey: door.vkey }), "text/html; charset=utf-8");
}
async function showState(door, { response, waiting }, since) {
  if (Number.isFinite(since) && waiting.size < WAITING_PAGES_MAX) {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    waiting.add(response);
    try {
      await door.book.change(since, WAIT_MS, gone.signal);
    } finally {
      waiting.delete(response);
    }
  }
  const entries = door.book.entries();
  answerJson(response, 200, {
    version: door.book.version,
    now: door.clock(),
    waiting: entries.filter((each) => each.answered === void 0).map((each) => ({ id: each.request.id, approvals: each.ballot.votes.map(({ login }) => login) })),
    answered: entries.filter((each) => each.answered !== void 0).toSorted((one, other) => other.ballot.endedAtMs - one.ballot.endedAtMs).slice(0, ANSWERED_SHOWN_MAX).map(endedView)
  });
}
function endedView({ request, ballot, answered }) {
  const { headline: headline2, target, digestHead } = viewAsked(request);
  return {
    id: request.id,
    headline: headline2,
    target,
    digestHead,
    answer: answered?.answer,
    by: answered?.by,
    reason: answered?.reason,
    at: ballot.endedAtMs
  };
}
function showRequest(door, response, id) {
  const entry = door.book.entry(id);
  answerJson(response, 200, {
    ...viewAsked(entry.request),
    repeats: entry.repeats,
    deadlineAt: entry.ballot.deadlineMs,
    askedAt: Date.parse(entry.request.requestedAt)
  });
}
async function readAnswer(request, origin) {
  const site = request.headers["sec-fetch-site"] ?? "same-origin";
  if (request.headers.origin !== origin || site !== "same-origin") {
    throw new Refused(403, "An answer is taken from this page only. Nothing was answered.");
  }
  if (request.headers["content-type"] !== "application/json") {
    throw new Refused(415, "an answer is JSON");
  }
  const body = await readJson(request);
  const word = body["word"];
  if (word !== "approve" && word !== "refuse") {
    throw new Refused(400, "word must be approve or refuse");
  }
  return {
    id: textField(body, "id", 10),
    digest: textField(body, "digest", 64),
    word,
    reason: textField(body, "reason", REASON_CHARACTERS_MAX)
  };
}
function onAnswer2(door, { response }, answer) {
  const cast = door.book.answer({ ...answer, login: door.person, via: "page" });
  if (!cast.counted) {
    door.log(`countersigner: an answer to request ${answer.id} had no effect: ${cast.why}`);
  }
  answerJson(response, cast.counted ? 200 : 409, cast.counted ? { why: cast.why } : { error: cast.why });
}

// src/evidence/approval-statement.ts
var STATEMENT2 = "https://in-toto.io/Statement/v1";
var APPROVAL_PREDICATE = "https://countersign.dev/attestation/approval/v0.1";
function signApproval(facts2, signer) {
  const payload = approvalStatement(facts2);
  return encodeDsse(payload, [signDsse(payload, signer)]);
}
function approvalStatement(facts2) {
  const {
    answer,
    by,
    cmd,
    decidedAt,
    digest,
    expiresAt,
    leaf,
    policy,
    reason,
    request,
    requestedAt,
    rule,
    sid,
    target
  } = facts2;
  return canonical({
    _type: STATEMENT2,
    predicate: {
      answer,
      by: by.map(({ login, via }) => ({ login, via })),
      cmd,
      decidedAt,
      digest,
      expiresAt,
      leaf,
      policy,
      reason: reason.map((each) => ({ "...": each["..."] })),
      request,
      requestedAt,
      rule,
      sid,
      target
    },
    predicateType: APPROVAL_PREDICATE,
    subject: [
      { digest: { "rfc6962-leaf-sha256": Buffer.from(leaf, "base64url").toString("hex") }, name: "command.seen" }
    ]
  });
}
var PREDICATE = {
  answer: oneOf("approved", "refused", "expired"),
  by: listOf(shaped({ login: isText, via: isText })),
  cmd: isText,
  decidedAt: isTime,
  digest: isText,
  expiresAt: isTime,
  leaf: isText,
  policy: isText,
  reason: listOf(isRedacted),
  request: isText,
  requestedAt: isTime,
  rule: isText,
  sid: isText,
  target: isText
};
var isPredicate = shaped(PREDICATE);

// src/masking/display.ts
var UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|\\(?=u\{)/gu;
function visibleLine(text) {
  return text.replaceAll(UNSEEN, escaped);
}
function escaped(char) {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`;
}

// src/masking/mask.ts
function structure(text) {
  return branded(visibleLine(text));
}
var BEYOND_ASCII = /[^\0-\x7f]/;
function branded(text) {
  const wellFormed2 = BEYOND_ASCII.test(text) && new RegExp("\\p{Cs}", "u").test(text) ? text.replaceAll(new RegExp("\\p{Cs}", "gu"), visibleLine) : text;
  return wellFormed2;
}

// src/gateway/desk/signed-answer.ts
function signEnding({ request, answer, by, reason, atMs }, { signer, salts }) {
  if (answer === "withdrawn") {
    return { dsse: "", disclosure: "" };
  }
  const said2 = reason === "" ? void 0 : redact(structure(reason), salts);
  const facts2 = {
    ...asked(request),
    answer,
    by,
    reason: said2 === void 0 ? [] : [said2.redacted],
    decidedAt: new Date(atMs).toISOString()
  };
  return { dsse: signApproval(facts2, signer), disclosure: said2?.disclosure ?? "" };
}
function asked(request) {
  const { id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt } = request;
  return { request: id, sid, cmd, target, digest, leaf, policy, rule, requestedAt, expiresAt };
}

// src/gateway/desk/server.ts
var KEY_NAME = "countersign.local";
var SECRET_BYTES = 32;
var CONNECTIONS_MAX2 = 128;
async function startCountersigner(options) {
  const { key, clock, random, log, person } = options;
  const own = cosigner(KEY_NAME, key);
  const { vkey } = own.verifier;
  const heads = new HeadFiles((0, import_node_path3.join)(options.stateDir, "heads"));
  const witness = new Witness(heads, own, (origin) => heads.keysOf(origin));
  const signer = dsseSigner(key);
  const salts = new SaltPool((bytes) => bytes.set(random(bytes.length)));
  const book = new RequestBook({ clock, sign: (ending) => signEnding(ending, { signer, salts }) });
  const secret = Buffer.from(random(SECRET_BYTES)).toString("base64url");
  const token = Buffer.from(random(SECRET_BYTES)).toString("base64url");
  const gateway = serve2(
    gatewayDoor({ secret, book, heads, witness, custody: openCustody(key, heads, own), person, vkey, clock, log })
  );
  gateway.keepAliveTimeout = 0;
  const headDoor = headServer({
    secret,
    answer: (body) => witness.addCheckpoint(body, Math.floor(clock() / 1e3)),
    log
  });
  const page = serve2(pageDoor({ token, book, person, vkey, clock, random, log }));
  (0, import_node_fs3.rmSync)(options.socketPath, { force: true });
  await listening(gateway, () => gateway.listen(options.socketPath));
  (0, import_node_fs3.chmodSync)(options.socketPath, 384);
  const headPath = headSocketPath(options.socketPath);
  (0, import_node_fs3.rmSync)(headPath, { force: true });
  await listening(headDoor.server, () => headDoor.server.listen(headPath));
  (0, import_node_fs3.chmodSync)(headPath, 384);
  try {
    await listening(page, () => page.listen(options.page.port, "127.0.0.1"));
  } catch (error) {
    gateway.close();
    await headDoor.close();
    throw error;
  }
  const address = page.address();
  const port = typeof address === "object" && address !== null ? address.port : options.page.port;
  return {
    pageUrl: `http://127.0.0.1:${port}/${token}/`,
    secret,
    vkey,
    async close() {
      book.close();
      await Promise.all([closed(gateway), closed(page), headDoor.close()]);
      heads.close();
    }
  };
}
function serve2(listener) {
  const server = (0, import_node_http.createServer)(HTTP_LIMITS, listener);
  server.maxConnections = CONNECTIONS_MAX2;
  return server;
}
async function listening(server, listen) {
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    listen();
  });
}
async function closed(server) {
  await new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

// src/gateway/identity.ts
var import_node_os = require("node:os");
function userName() {
  try {
    return (0, import_node_os.userInfo)().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

// src/cli/countersigner.ts
async function countersigner(args, io) {
  const person = userName();
  let running;
  try {
    const { socketPath, stateDir, port } = readOptions(args, io.env);
    running = await startCountersigner({
      key: openCountersignerKey(stateDir, import_node_crypto7.randomBytes),
      stateDir,
      socketPath,
      page: { port },
      person,
      clock: Date.now,
      random: import_node_crypto7.randomBytes,
      log: (line) => io.stderr.write(`${line}
`)
    });
  } catch (error) {
    io.stderr.write(`countersigner: ${error instanceof Error ? error.message : String(error)}
`);
    return 2;
  }
  const { pageUrl, secret, vkey } = running;
  const ready = { ready: true, pageUrl, secret, vkey, person };
  io.stdout.write(`${JSON.stringify(ready)}
`);
  await parentGone(io);
  await running.close();
  return 0;
}
function defaultStateDir(env2) {
  const { XDG_STATE_HOME: state2 = "", HOME: home = "" } = env2;
  const base = state2.startsWith("/") ? state2 : `${home === "" ? (0, import_node_os2.homedir)() : home}/.local/state`;
  return `${base}/countersign`;
}
function readOptions(args, env2) {
  const { values } = (0, import_node_util.parseArgs)({
    args: [...args],
    options: { state: { type: "string" }, socket: { type: "string" }, "page-port": { type: "string", default: "0" } }
  });
  const port = Number(values["page-port"]);
  if (values.socket === void 0 || values.socket === "") {
    throw new Error("--socket PATH is missing: a path in a directory that only this user can enter");
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error("--page-port takes a port from 0 to 65535; 0 takes any free one");
  }
  return { socketPath: values.socket, stateDir: values.state ?? defaultStateDir(env2), port };
}
async function parentGone({ stdin: stdin2, signal }) {
  await new Promise((resolve) => {
    const done = () => resolve();
    if (signal.aborted) {
      done();
      return;
    }
    signal.addEventListener("abort", done, { once: true });
    stdin2.once("end", done);
    stdin2.once("close", done);
    stdin2.once("error", done);
    stdin2.resume();
  });
  stdin2.pause();
}

// src/cli/countersigner-main.ts
var stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
var { stdin, stdout, stderr, env } = process;
void countersigner(process.argv.slice(2), { stdin, stdout, stderr, env, signal: stop.signal }).catch((error) => {
  stderr.write(`countersigner: an error of our own: ${error instanceof Error ? error.stack : String(error)}
`);
  return 1;
}).then((code) => {
  process.exitCode = code;
  return code;
});
