// Values kept apart from events: a salted digest in the event, the value beside it. RFC 9901 sections 4.2.2 and 4.2.4.2.
//
//   disclosure = base64url(JSON [salt, value])         digest = base64url(SHA-256(ASCII(disclosure)))
//
// Whoever has only the digest cannot try values against it, because the salt is as secret as a key.

import { hash } from "node:crypto";
import type { Disclosure, Redacted } from "../model/event.ts";
import { CanonicalError, canonical } from "./jcs.ts";
import { wellFormed } from "./well-formed.ts";

/** RFC 9901 section 9.3: 128 bits. In base 64 they are 22 characters. */
const SALT_BYTES = 16;
const SALT_CHARS = 22;

/** Refilled when used up; large enough that asking the system for randomness costs nothing per value. */
const POOL_BYTES = 16 * 1024;

/** Gives salts, each once. */
export interface Salts {
  /** 16 random bytes in base64url. */
  next(): string;
}

/** Salts from a pool that `fill` (node's `randomFillSync`) fills. A slice is given once and wiped. */
export class SaltPool implements Salts {
  readonly #fill: (bytes: Buffer) => void;
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #at = POOL_BYTES;

  constructor(fill: (bytes: Buffer) => void) {
    this.#fill = fill;
  }

  next(): string {
    if (this.#at === POOL_BYTES) {
      this.#fill(this.#pool);
      this.#at = 0;
    }
    const salt = this.#pool.toString("base64url", this.#at, this.#at + SALT_BYTES);
    this.#pool.fill(0, this.#at, this.#at + SALT_BYTES);
    this.#at += SALT_BYTES;
    return salt;
  }
}

/** A value that JSON holds and canonical JSON keeps: its numbers are integers. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A value taken out of an event: what stands in the event, and what is kept beside it. */
export interface Redaction {
  readonly redacted: Redacted;
  readonly disclosure: string;
}

/** Takes a value out. Halves of surrogate pairs, which only a cut through a text can leave, become U+FFFD. */
export function redact(value: Json, salts: Salts): Redaction {
  return redactionOf(Buffer.from(salted(jsonOf(value), salts)).toString("base64url"));
}

/** Where a disclosure is encoded; a longer one gets a buffer of its own. */
const SCRATCH_BYTES = 32 * 1024;

/** Takes out values by the hundred thousand: as `redact`, in memory of its own. */
export class Redactor {
  readonly #salts: Salts;
  readonly #scratch = Buffer.allocUnsafe(SCRATCH_BYTES);

  constructor(salts: Salts) {
    this.#salts = salts;
  }

  redact(value: Json): Redaction {
    return this.redactJson(jsonOf(value));
  }

  /** Takes out a value that was written as canonical JSON already. */
  redactJson(json: string): Redaction {
    const text = salted(json, this.#salts);
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (text.length * 3 > SCRATCH_BYTES) return redactionOf(Buffer.from(text).toString("base64url"));
    return redactionOf(this.#scratch.toString("base64url", 0, this.#scratch.write(text, "utf8")));
  }
}

function salted(json: string, salts: Salts): string {
  return `["${salts.next()}",${json}]`;
}

function redactionOf(disclosure: string): Redaction {
  return { redacted: { "...": digestOf(disclosure) }, disclosure };
}

function jsonOf(value: Json): string {
  return typeof value === "string" ? quoted(value) : canonical(value);
}

/** Neither escaped in JSON nor beyond ASCII. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** A text as canonical JSON; halves of surrogate pairs become U+FFFD. */
export function quoted(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  return json.includes("\\ud") ? JSON.stringify(wellFormed(text)) : json;
}

/** The digest that stands in an event for a disclosure. */
export function digestOf(disclosure: string): string {
  return hash("sha256", disclosure, "base64url");
}

/** The line of `disclosures.jsonl` for a value whose digest stands at `ptr`: `/<seq>/body/text/0`. No newline. */
export function disclosureLine({ redacted, disclosure }: Redaction, ptr: string): string {
  return encodeDisclosure({ digest: redacted["..."], disclosure, ptr });
}

/** A line of `disclosures.jsonl`, without its newline. Base 64 needs no escape; a pointer of ours neither. */
export function encodeDisclosure({ digest, disclosure, ptr }: Disclosure): string {
  return `{"digest":"${digest}","disclosure":"${disclosure}","ptr":${quoted(ptr)}}`;
}

/** Opens a disclosure. Undefined unless it is exactly what `redact` makes: one spelling, a whole salt, one value. */
export function openDisclosure(disclosure: string): { readonly salt: string; readonly value: unknown } | undefined {
  const bytes = Buffer.from(disclosure, "base64url");
  if (bytes.toString("base64url") !== disclosure) return undefined;
  let pair: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    pair = JSON.parse(text);
    if (canonical(pair) !== text) return undefined;
  } catch (error) {
    // Not UTF-8, not JSON, or JSON without a canonical form: forged all the same.
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof CanonicalError) return undefined;
    throw error;
  }
  if (!isList(pair) || pair.length !== 2) return undefined;
  const [salt, value] = pair;
  return typeof salt === "string" && salt.length >= SALT_CHARS ? { salt, value } : undefined;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}
