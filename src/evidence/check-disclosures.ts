// The values beside the events: each must be the one whose digest was recorded, at the place it says. A value that is
// not there was erased, which is allowed and counted.

import { digestOf, openDisclosure } from "../journal/disclosure.ts";
import type { KnownEvent } from "./event-shapes.ts";
import type { Finding } from "./report.ts";
import { isObject, isText } from "./shape.ts";
import { linesOf, parseDisclosure } from "./story.ts";

/** Collects every digest of a session and where it stands, then holds the disclosures against them. */
export class Digests {
  readonly #places = new Map<string, string>();
  readonly #finding: Finding;

  constructor(finding: Finding) {
    this.#finding = finding;
  }

  add(event: KnownEvent): void {
    this.#walk(event.body, `/${event.seq}/body`);
  }

  /** Checks `disclosures.jsonl`. */
  compare(disclosures: Uint8Array): void {
    const opened = new Set<string>();
    let at = 0;
    for (const line of linesOf(disclosures)) {
      at += 1;
      const fields = parseDisclosure(line);
      if (fields === undefined) this.#finding.fail(`line ${at} is not a disclosure`);
      else if (!this.#places.has(fields.digest)) this.#finding.fail(`line ${at} belongs to no event of this session`);
      else if (opened.has(fields.digest)) this.#finding.fail(`line ${at} comes a second time`);
      else if (this.#places.get(fields.digest) !== fields.ptr) this.#finding.fail(`line ${at} names another place`);
      else if (digestOf(fields.disclosure) !== fields.digest || openDisclosure(fields.disclosure) === undefined) {
        this.#finding.fail(`line ${at} is forged: the value is not the one that was recorded at ${fields.ptr}`);
      } else opened.add(fields.digest);
    }
    if (disclosures.length > 0 && disclosures.at(-1) !== 10) this.#finding.fail("the last line was cut");
    this.#finding.detail = `${opened.size} opened, ${this.#places.size - opened.size} redacted`;
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
