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
  const json = typeof value === "string" ? quote(value) : canonical(value);
  const disclosure = Buffer.from(`["${salts.next()}",${json}]`).toString("base64url");
  return { redacted: { "...": digestOf(disclosure) }, disclosure };
}

/**
 * Takes out a value whose objects were made with their keys in sorted order and hold integers only: JSON.stringify of it
 * is canonical already. Anything that only the slow way can write canonically goes that way.
 */
export function redactSorted(value: Json, salts: Salts): Redaction {
  const json = JSON.stringify(value);
  const disclosure = Buffer.from(`["${salts.next()}",${json.includes("\\ud") ? canonical(value) : json}]`).toString(
    "base64url",
  );
  return { redacted: { "...": digestOf(disclosure) }, disclosure };
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
  return `{"digest":"${digest}","disclosure":"${disclosure}","ptr":${JSON.stringify(ptr)}}`;
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

function quote(text: string): string {
  const json = JSON.stringify(text);
  return json.includes("\\ud") ? JSON.stringify(wellFormed(text)) : json;
}
