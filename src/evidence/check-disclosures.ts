// The values beside the events: each must be the one whose digest was recorded, at the place it says. A value that is
// not there must be named by an erasure, or somebody withheld it.

import { digestOf, openDisclosure } from "../journal/disclosure.ts";
import type { KnownEvent } from "./event-shapes.ts";
import type { Finding } from "./report.ts";
import { isObject, isText } from "./shape.ts";
import { linesOf, parseDisclosure } from "./story.ts";

/** Collects every digest of a session and where it stands, then holds the disclosures against them. */
export class Digests {
  readonly #places = new Map<string, string>();
  readonly #opened = new Set<string>();
  readonly #finding: Finding;

  constructor(finding: Finding) {
    this.#finding = finding;
  }

  add(event: KnownEvent): void {
    this.#walk(event.body, `/${event.seq}/body`);
  }

  /** Where each digest stands. */
  get places(): ReadonlyMap<string, string> {
    return this.#places;
  }

  /** Digests whose values are there and are the right ones. */
  get opened(): ReadonlySet<string> {
    return this.#opened;
  }

  /** What is not there and not among these was withheld: nothing is false, and something is missing. */
  missing(erased: ReadonlySet<string>): void {
    let count = 0;
    for (const [digest, place] of this.#places) {
      if (this.#opened.has(digest) || erased.has(digest)) continue;
      count += 1;
      this.#finding.miss(`the value at ${place} is withheld, and no erasure says so`);
    }
    const redacted = this.#places.size - this.#opened.size;
    this.#finding.detail = `${this.#opened.size} opened, ${redacted} redacted${count === 0 ? "" : `, ${count} of them withheld`}`;
  }

  /** Checks `disclosures.jsonl`. */
  compare(disclosures: Uint8Array): void {
    let at = 0;
    for (const line of linesOf(disclosures)) {
      at += 1;
      const fields = parseDisclosure(line);
      if (fields === undefined) this.#finding.fail(`line ${at} is not a disclosure`);
      else if (!this.#places.has(fields.digest)) this.#finding.fail(`line ${at} belongs to no event of this session`);
      else if (this.#opened.has(fields.digest)) this.#finding.fail(`line ${at} comes a second time`);
      else if (this.#places.get(fields.digest) !== fields.ptr) this.#finding.fail(`line ${at} names another place`);
      else if (digestOf(fields.disclosure) !== fields.digest || openDisclosure(fields.disclosure) === undefined) {
        this.#finding.fail(`line ${at} is forged: the value is not the one that was recorded at ${fields.ptr}`);
      } else this.#opened.add(fields.digest);
    }
    if (disclosures.length > 0 && disclosures.at(-1) !== 10) this.#finding.fail("the last line was cut");
  }

  #walk(value: unknown, place: string): void {
    if (Array.isArray(value)) {
      for (const [at, each] of value.entries()) this.#walk(each, `${place}/${at}`);
    } else if (isObject(value)) {
      const digest = value["..."];
      if (isText(digest)) {
        if (this.#places.has(digest)) this.#finding.fail(`the digest at ${place} stands elsewhere too`);
        else this.#places.set(digest, place);
        return;
      }
      for (const [name, each] of Object.entries(value)) this.#walk(each, `${place}/${name}`);
    }
  }
}
