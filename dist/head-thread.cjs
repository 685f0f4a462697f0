const importMetaUrl = require("node:url").pathToFileURL(__filename).href;
"use strict";

// src/gateway/head-thread.ts
var import_node_worker_threads = require("node:worker_threads");

// src/tlog/note.ts
var import_node_crypto2 = require("node:crypto");

// src/tlog/base64.ts
function fromBase64(text) {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : void 0;
}

// src/tlog/tree.ts
var import_node_crypto = require("node:crypto");
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
  return Buffer.from((0, import_node_crypto.hash)("sha256", input, "binary"), "latin1");
}
var toText = (bytes) => Buffer.from(bytes).toString("latin1");
var toBytes = (text) => Buffer.from(text, "latin1");
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
    this.#add((0, import_node_crypto.hash)("sha256", this.#entry.subarray(0, entry.length + 1), "binary"));
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
    return (0, import_node_crypto.hash)("sha256", this.#input, "binary");
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
function fold(parts) {
  const last = parts.at(-1);
  if (last === void 0) return (0, import_node_crypto.hash)("sha256", "", "buffer");
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
    sign: (text) => signatureLine(verifier, (0, import_node_crypto2.sign)(null, Buffer.from(text), privateKey))
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
  const publicKey = key.type === "private" ? (0, import_node_crypto2.createPublicKey)(key) : key;
  const { x } = publicKey.export({ format: "jwk" });
  if (publicKey.asymmetricKeyType !== "ed25519" || x === void 0) throw new NoteError("text", "not an Ed25519 key");
  return Buffer.from(x, "base64url");
}
function publicKeyFrom(raw) {
  const x = Buffer.from(raw).toString("base64url");
  return (0, import_node_crypto2.createPublicKey)({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
function isKeyName(name) {
  return name !== "" && !/[\p{White_Space}\p{Cc}\p{Surrogate}+]/u.test(name);
}
function parseSignatures(lines) {
  if (!lines.endsWith("\n")) throw new NoteError("signature", "a signature line ends with a newline");
  const each = lines.slice(0, -1).split("\n");
  if (each.length > SIGNATURES_MAX) throw new NoteError("signature", `more than ${SIGNATURES_MAX} signatures`);
  return each.map(parseSignature);
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
function checkpointText(head) {
  return `${head.origin}
${head.size}
${Buffer.from(head.root).toString("base64")}
`;
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
  const keyId = (0, import_node_crypto2.hash)("sha256", Buffer.concat([Buffer.from(`${name}
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
      if (kind === "log") return (0, import_node_crypto2.verify)(null, Buffer.from(text), key, bytes) ? 0 : void 0;
      if (bytes.length !== 8 + SIGNATURE_BYTES) return void 0;
      const at = bytes.readBigUInt64BE();
      if (at > BigInt(Number.MAX_SAFE_INTEGER)) return void 0;
      return (0, import_node_crypto2.verify)(null, cosignedMessage(text, String(at)), key, bytes.subarray(8)) ? Number(at) : void 0;
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

// src/tlog/witness.ts
function addCheckpointBody(old, proof, note) {
  const lines = proof.map((each) => `${Buffer.from(each).toString("base64")}
`);
  return `old ${old}
${lines.join("")}
${note}`;
}

// src/gateway/desk/call.ts
var DeskError = class extends Error {
  name = "DeskError";
  /** HTTP status; 0 when there was no answer. */
  status;
  constructor(status, message, options) {
    super(message, options);
    this.status = status;
  }
};
var REPLY_BYTES_MAX = 4 * 1024 * 1024;

// src/gateway/app-desk/door.ts
var import_promises = require("node:timers/promises");

// src/evidence/message-signature.ts
var import_node_crypto3 = require("node:crypto");
var COMPONENTS = '("@method" "@path" "@query" "content-digest")';
function signRequest(request, { key, keyId, createdSeconds }) {
  const parameters = `${COMPONENTS};created=${createdSeconds};keyid="${keyId}";alg="ed25519"`;
  const digest = contentDigest(request.body);
  const signature = (0, import_node_crypto3.sign)(null, Buffer.from(signatureBase(request, digest, parameters)), key);
  return {
    "content-digest": digest,
    "signature-input": `sig=${parameters}`,
    signature: `sig=:${signature.toString("base64")}:`
  };
}
function contentDigest(body) {
  return `sha-256=:${(0, import_node_crypto3.hash)("sha256", body, "base64")}:`;
}
function signatureBase({ method, target }, digest, parameters) {
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const query = at === -1 ? "?" : target.slice(at);
  return [
    `"@method": ${method}`,
    `"@path": ${path}`,
    `"@query": ${query}`,
    `"content-digest": ${digest}`,
    `"@signature-params": ${parameters}`
  ].join("\n");
}

// src/evidence/shape.ts
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// src/evidence/visible.ts
var UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\p{Surrogate}\u2800]/gu;
function visible(text) {
  return text.replace(UNSEEN, spell);
}
function visibleLine(text) {
  return visible(text).replace(/[\n\t]/g, spell);
}
function spell(character) {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

// src/gateway/app-desk/http-call.ts
var import_node_http = require("node:http");
var import_node_https = require("node:https");
var NoReply = class extends Error {
  name = "NoReply";
};
var SOCKETS_MAX = 64;
function openAgents() {
  const options = { keepAlive: true, maxSockets: SOCKETS_MAX };
  return { http: new import_node_http.Agent(options), https: new import_node_https.Agent(options) };
}
function closeAgents({ http, https }) {
  http.destroy();
  https.destroy();
}
async function exchange(what) {
  const { url, method, headers, agents, replyBytesMax } = what;
  what.signal?.throwIfAborted();
  const body = typeof what.body === "string" ? Buffer.from(what.body) : what.body;
  const late = AbortSignal.timeout(what.timeoutMs);
  const signal = what.signal === void 0 ? late : AbortSignal.any([what.signal, late]);
  const options = { method, signal, headers: { ...headers, "content-length": String(body.length) } };
  return await new Promise((resolve, reject) => {
    const fail = (cause) => {
      if (what.signal?.aborted === true) reject(cause);
      else if (late.aborted) reject(new NoReply(`no answer within ${what.timeoutMs} ms`, { cause }));
      else reject(new NoReply(reasonOf(cause), { cause }));
    };
    const sent = url.protocol === "https:" ? (0, import_node_https.request)(url, { ...options, agent: agents.https }) : (0, import_node_http.request)(url, { ...options, agent: agents.http });
    sent.once("error", fail);
    sent.once("response", (response) => {
      const chunks = [];
      let size = 0;
      response.on("data", (chunk) => {
        size += chunk.length;
        if (size > replyBytesMax) response.destroy(new Error(`the answer is longer than ${replyBytesMax} bytes`));
        else chunks.push(chunk);
      });
      response.once("error", fail);
      response.once("end", () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    sent.end(body);
  });
}
function reasonOf(error) {
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

// src/gateway/app-desk/door.ts
var TRY_MS = 1e4;
var BACKOFF_MS_MIN = 100;
var BACKOFF_MS_MAX = 5e3;
var RETRY_AFTER_MS_MAX = 6e4;
var REPLY_BYTES_MAX2 = 4 * 1024 * 1024;
function openAppDoor(url, signing) {
  const agents = openAgents();
  const once = async (what, timeoutMs) => {
    const { method, path, body = "", contentType = "application/json" } = what;
    const createdSeconds = Math.floor(Date.now() / 1e3);
    const signed = signing === void 0 ? {} : signRequest({ method, target: path, body }, { key: signing.key, keyId: signing.sid, createdSeconds });
    return await exchange({
      url: new URL(`${url}${path}`),
      method,
      headers: { accept: "application/json", "content-type": contentType, ...signed },
      body,
      agents,
      timeoutMs,
      replyBytesMax: REPLY_BYTES_MAX2,
      ...what.signal === void 0 ? {} : { signal: what.signal }
    });
  };
  return {
    url,
    async call(what) {
      const endMs = performance.now() + what.withinMs;
      for (let tries = 0; ; tries += 1) {
        const leftMs = endMs - performance.now();
        const reply = await orNone(once(what, Math.max(1, Math.ceil(Math.min(what.tryMs ?? TRY_MS, leftMs)))));
        if (!(reply instanceof NoReply) && !isTransient(reply.status)) return reply;
        if (reply instanceof NoReply && !mayPass(reply)) throw unreachable(url, reply);
        const waitMs = Math.max(backoffMs(tries), retryAfterMs(reply));
        if (performance.now() + waitMs >= endMs) {
          if (!(reply instanceof NoReply)) return reply;
          throw unreachable(url, reply);
        }
        await (0, import_promises.setTimeout)(Math.ceil(waitMs), void 0, what.signal === void 0 ? {} : { signal: what.signal });
      }
    },
    close: () => closeAgents(agents)
  };
}
function expectStatus(reply, ...statuses) {
  if (statuses.includes(reply.status)) return reply;
  throw new DeskError(reply.status, `the App answered ${reply.status}: ${problemOf(reply.text)}`);
}
async function orNone(reply) {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof NoReply) return error;
    throw error;
  }
}
function unreachable(url, cause) {
  return new DeskError(0, `the App at ${url} cannot be reached: ${visibleLine(cause.message)}`, { cause });
}
function mayPass({ message }) {
  return !/CERT|ERR_TLS|ERR_SSL|UNABLE_TO_/.test(message);
}
function isTransient(status) {
  return status === 429 || status >= 500 && status <= 599;
}
function backoffMs(tries) {
  const most = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(tries, 10));
  return most / 2 + Math.random() * most / 2;
}
function retryAfterMs(reply) {
  if (reply instanceof NoReply) return 0;
  const seconds = /^[0-9]{1,6}$/.exec(reply.headers["retry-after"] ?? "")?.[0];
  return seconds === void 0 ? 0 : Math.min(RETRY_AFTER_MS_MAX, Number(seconds) * 1e3);
}
function problemOf(text) {
  try {
    const value = JSON.parse(text);
    if (isObject(value)) {
      const said = [value["title"], value["detail"]].filter((each) => typeof each === "string" && each !== "");
      if (said.length > 0) return shortened(said.join(". "));
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return shortened(text.trim());
}
var WORDS_MAX = 500;
function shortened(text) {
  return visibleLine(text.slice(0, WORDS_MAX));
}

// src/gateway/app-desk/heads.ts
var WITHIN_MS = 9e3;
var TRY_MS2 = 4e3;
function openAppHeads(url) {
  const door2 = openAppDoor(url, void 0);
  return { addCheckpoint: async (body) => await addCheckpoint(door2, body), close: () => door2.close() };
}
async function addCheckpoint(door2, body) {
  const endMs = performance.now() + WITHIN_MS;
  const ask = async (text) => await door2.call({
    method: "POST",
    path: "/add-checkpoint",
    body: text,
    contentType: "text/plain; charset=utf-8",
    tryMs: TRY_MS2,
    withinMs: Math.max(1, endMs - performance.now())
  });
  const reply = await ask(body);
  if (reply.status !== 409) return expectStatus(reply, 200).text;
  const held = parseCount(reply.text.trim());
  if (held === void 0 || held === 0 || held !== sizeOf(body)) {
    throw new DeskError(409, `the App holds another head of this session: ${reply.text.trim().slice(0, 20)}`);
  }
  return expectStatus(await ask(addCheckpointBody(held, [], noteOf(body))), 200).text;
}
function noteOf(body) {
  return body.slice(body.indexOf("\n\n") + 2);
}
function sizeOf(body) {
  return parseCount(noteOf(body).split("\n")[1] ?? "");
}

// src/gateway/desk/head-door.ts
var import_node_net = require("node:net");

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
    const texts = [];
    while (bytes.length >= LENGTH_BYTES) {
      const length = bytes.readUInt32BE();
      if (length > FRAME_BYTES_MAX) throw new FrameError(`a frame of ${length} bytes`);
      if (bytes.length < LENGTH_BYTES + length) break;
      texts.push(bytes.toString("utf8", LENGTH_BYTES, LENGTH_BYTES + length));
      bytes = bytes.subarray(LENGTH_BYTES + length);
    }
    this.#rest = bytes;
    return texts;
  }
};

// src/gateway/desk/head-door.ts
function headSocketPath(socketPath) {
  return `${socketPath}.heads`;
}
function openHeadDoor({
  socketPath,
  secret
}) {
  let socket;
  let lost;
  const frames = new HeadFrames();
  const waiting = [];
  const lose = (cause) => {
    lost ??= new DeskError(0, "the countersigner does not answer; nothing more is released", { cause });
    for (const { reject } of waiting.splice(0)) reject(lost);
    socket?.destroy();
  };
  const take = (chunk) => {
    for (const text of frames.take(chunk)) {
      const next = waiting.shift();
      if (next === void 0) throw new FrameError("the countersigner answered what was not asked");
      const status = Number(text.slice(0, 3));
      const body = text.slice(4);
      if (status === 200) next.resolve(body);
      else next.reject(new DeskError(status, `the countersigner answered ${status}: ${body.trim().slice(0, 500)}`));
    }
  };
  const open = () => {
    const opened = (0, import_node_net.connect)(headSocketPath(socketPath));
    opened.write(`${secret}
`);
    opened.on("error", lose);
    opened.on("close", () => lose(void 0));
    opened.on("data", (chunk) => {
      try {
        take(chunk);
      } catch (error) {
        if (!(error instanceof FrameError)) throw error;
        lose(error);
      }
    });
    return opened;
  };
  return {
    async addCheckpoint(body) {
      if (lost !== void 0) throw lost;
      socket ??= open();
      const frame = encodeHeadFrame(body);
      const answered = new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      socket.write(frame);
      return await answered;
    },
    close: () => socket?.destroy()
  };
}

// src/gateway/head-follower.ts
var import_node_fs2 = require("node:fs");
var import_node_path = require("node:path");

// src/journal/ports.ts
var JournalError = class extends Error {
  name = "JournalError";
};

// src/journal/session-tree.ts
var PENDING_HEADS_MAX = 8;
var NEWLINE = 10;
var SessionTree = class {
  #origin;
  #countersigner;
  #frontier = new Frontier();
  #pending = [];
  #countersigned = 0;
  /** `countersigner` is its key, pinned. */
  constructor({ origin, countersigner }) {
    this.#origin = origin;
    this.#countersigner = countersigner;
  }
  /** How many lines were taken. */
  get size() {
    return this.#frontier.size;
  }
  /** Takes whole lines, each with its newline. Throws JournalError where the last one has none. */
  take(lines) {
    let from = 0;
    for (let end = lines.indexOf(NEWLINE); end !== -1; end = lines.indexOf(NEWLINE, from)) {
      this.#frontier.appendEntry(lines.subarray(from, end));
      from = end + 1;
    }
    if (from !== lines.length) throw new JournalError("the journal's last line has no end");
  }
  /** The head over everything taken. */
  head() {
    return { size: this.#frontier.size, root: this.#frontier.root() };
  }
  /** Signs the head over everything taken and asks to have it countersigned. The signer's name is the origin. */
  checkpoint(signer) {
    const { size, root } = this.head();
    const text = checkpointText({ origin: this.#origin, size, root });
    const note = `${text}
${signer.sign(text)}`;
    if (this.#pending.at(-1)?.peaks.size !== size) this.#pending.push({ text, note, peaks: this.#frontier.peaks() });
    if (this.#pending.length > PENDING_HEADS_MAX) this.#pending.shift();
    return { note, body: addCheckpointBody(this.#frontier.baseSize, this.#frontier.consistencyProof(), note), size };
  }
  /**
   * Takes the countersigner's answer to the head of this size: verifies its cosignature with the pinned key and moves on.
   * Throws JournalError when the answer is not what an honest countersigner says; the session cannot go on then.
   */
  cosigned(answer, size) {
    const head = this.#pending.find((each) => each.peaks.size === size);
    if (head === void 0) throw new RangeError(`no head of size ${size} is waiting`);
    const atSeconds = cosignatureTime(head.text, answer, this.#countersigner);
    if (atSeconds === void 0) {
      throw new JournalError("the countersigner's answer does not verify with its key");
    }
    const separator = this.#countersigned === 0 ? "" : "\n---\n";
    const lines = size > this.#countersigned ? `${separator}${head.note}${ownLines(answer, this.#countersigner)}`.trimEnd() : "";
    this.#countersigned = size;
    this.#moveTo(head);
    return { lines, atSeconds };
  }
  /**
   * The countersigner says (409) that it holds `size` already: one of our heads whose answer was lost. The next
   * checkpoint proves from there. False when we never signed that head, which only a fault or a second gateway explains.
   */
  resume(size) {
    const head = this.#pending.find((each) => each.peaks.size === size);
    if (head === void 0) return false;
    this.#moveTo(head);
    return true;
  }
  #moveTo(head) {
    this.#frontier.rebase(head.peaks);
    this.#pending = this.#pending.filter((each) => each.peaks.size > head.peaks.size);
  }
};
function cosignatureTime(text, lines, countersigner) {
  try {
    return verifySignatures({ text, signatures: parseSignatures(lines) }, [countersigner])[0]?.at;
  } catch (error) {
    if (error instanceof NoteError) return void 0;
    throw error;
  }
}
function ownLines(lines, { name }) {
  return lines.split("\n").filter((line) => line.startsWith(`\u2014 ${name} `)).map((line) => `${line}
`).join("");
}

// src/gateway/session-file.ts
var import_node_fs = require("node:fs");
var BUFFER_BYTES = 256 * 1024;
var WAITING_CHARACTERS_MAX = 1024 * 1024;
var SessionFile = class {
  #fd;
  #sync;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #text = "";
  #bytes = 0;
  /** Makes the file, for this user alone. `sync` adds fdatasync(2) to every flush. Throws where it exists already. */
  constructor(path, { sync } = { sync: false }) {
    this.#fd = (0, import_node_fs.openSync)(path, "ax", 384);
    this.#sync = sync;
  }
  get bytes() {
    return this.#bytes;
  }
  add(line) {
    this.#text += `${line}
`;
    if (this.#text.length > WAITING_CHARACTERS_MAX) this.#write();
  }
  flush() {
    this.#write();
    if (this.#sync) (0, import_node_fs.fdatasyncSync)(this.#fd);
  }
  close() {
    (0, import_node_fs.closeSync)(this.#fd);
  }
  #write() {
    const text = this.#text;
    this.#text = "";
    const fits = text.length * 3 <= BUFFER_BYTES;
    const bytes = fits ? this.#buffer : Buffer.from(text);
    const length = fits ? bytes.write(text, 0, "utf8") : bytes.length;
    for (let at = 0; at < length; ) at += (0, import_node_fs.writeSync)(this.#fd, bytes, at, length - at);
    this.#bytes += length;
  }
};

// src/gateway/head-follower.ts
var PIECE_BYTES_MAX = 256 * 1024;
var NEWLINE2 = 10;
var HeadFollower = class {
  #events;
  #checkpoints;
  #tree;
  #signer;
  #ask;
  #piece = Buffer.alloc(PIECE_BYTES_MAX);
  #read = 0;
  constructor(followed, ask) {
    this.#events = (0, import_node_fs2.openSync)((0, import_node_path.join)(followed.directory, "events.jsonl"), "r");
    this.#checkpoints = new SessionFile((0, import_node_path.join)(followed.directory, "checkpoints.txt"));
    this.#tree = new SessionTree({
      origin: followed.origin,
      countersigner: parseVkey(followed.countersignerVkey)
    });
    this.#signer = noteSigner(followed.origin, followed.key);
    this.#ask = ask;
  }
  async countersign({ size, bytes }) {
    this.#catchUp(bytes);
    if (this.#tree.size !== size) {
      throw new JournalError(`the journal holds ${this.#tree.size} events where ${size} were written`);
    }
    const { body } = this.#tree.checkpoint(this.#signer);
    const { lines, atSeconds } = this.#tree.cosigned(await this.#ask(body), size);
    if (lines !== "") {
      this.#checkpoints.add(lines);
      this.#checkpoints.flush();
    }
    return { size, atSeconds };
  }
  async close() {
    (0, import_node_fs2.closeSync)(this.#events);
    this.#checkpoints.close();
    return await Promise.resolve();
  }
  /** Reads up to that byte, whole lines at a time: a line is far shorter than a piece. */
  #catchUp(until) {
    while (this.#read < until) {
      const wanted = Math.min(this.#piece.length, until - this.#read);
      const count = (0, import_node_fs2.readSync)(this.#events, this.#piece, 0, wanted, this.#read);
      const whole = this.#piece.subarray(0, count).lastIndexOf(NEWLINE2) + 1;
      if (whole === 0) throw new JournalError("the journal is shorter than what was written to it");
      this.#tree.take(this.#piece.subarray(0, whole));
      this.#read += whole;
    }
  }
};

// src/gateway/head-messages.ts
function isThreadStart(value) {
  return isObject2(value) && isObject2(value["followed"]) && isObject2(value["door"]);
}
function isThreadOrder(value) {
  return isObject2(value) && (value["kind"] === "close" || value["kind"] === "countersign" && isObject2(value["written"]));
}
function isObject2(value) {
  return typeof value === "object" && value !== null;
}

// src/gateway/head-thread.ts
var start = import_node_worker_threads.workerData;
var port = import_node_worker_threads.parentPort;
if (port === null || !isThreadStart(start)) throw new Error("this file is a thread's; followInThread starts it");
var door = start.door.kind === "app" ? openAppHeads(start.door.url) : openHeadDoor(start.door);
var follower = new HeadFollower(start.followed, async (body) => await door.addCheckpoint(body));
var say = (word) => port.postMessage(word);
async function close() {
  await follower.close();
  door.close();
  port?.close();
}
port.on("message", (order) => {
  if (!isThreadOrder(order)) throw new Error("the gateway sent its thread something that is no order");
  if (order.kind === "close") {
    void close();
    return;
  }
  follower.countersign(order.written).then(
    (head) => say({ kind: "countersigned", ...head }),
    (error) => say({ kind: "failed", why: error instanceof Error ? error.message : String(error) })
  );
});
