import type { Reading } from "../../languages/sql/reading.ts";
import type { Command } from "../../model/command.ts";
import type { Refusal } from "../../model/decision.ts";
import type { Answer, RowDescription } from "./answer.ts";

// What was sent to the server and not answered yet, in order: the one place that ties an answer to its command.

/** A statement as its Parse, or an SQL PREPARE, made it. */
export interface Prepared {
  readonly text: string;
  /** How SQL's PREPARE read its body; undefined where a Parse brought the text, which is read anew at every Bind. */
  readonly body: Reading | undefined;
  readonly utf8: boolean;
  /** Why a Bind of it is refused whatever policy says; empty when it is not. */
  readonly unservable: string;
  /** SHA-256 of the Parse message, or of the text where SQL prepared it: what a Bind's digest begins with. */
  readonly digest: Uint8Array;
  readonly types: readonly number[];
  /** Told by the server: ParameterDescription and RowDescription. */
  parameterTypes: readonly number[];
  described: Described | undefined;
  /** How often code had run on the connection, by `Names.doubts`, when the server was told what the name stands for. */
  doubts: number;
}

/** A RowDescription with its message, so that the same one again is known without decoding it. */
export interface Described extends RowDescription {
  readonly frame: Uint8Array;
}

/** A command that was released: its executions so far, and whether any ended. */
export interface Active {
  readonly command: Command;
  readonly reading: Reading;
  /** `Names.doubts` when it was asked about. */
  readonly doubts: number;
  executions: number;
  /** How many of its messages are in flight. */
  pending: number;
  /** An end was noted for it. */
  noted: boolean;
}

/** A portal made by a released Bind. It outlives its statement; the server keeps it until Close or the transaction's end. */
export interface Portal {
  readonly active: Active;
  readonly prepared: Prepared | undefined;
  readonly resultFormats: readonly number[];
  described: Described | undefined;
  readonly segment: number;
  /** Version of the names that its reading leaned on. */
  readonly names: number;
}

/** One message that the server will answer. A segment is what lies between two Syncs (or Queries). */
export type Pending =
  | {
      readonly kind: "query";
      readonly active: Active;
      readonly answer: Answer;
      readonly segment: number;
      completed: number;
    }
  | {
      readonly kind: "parse";
      readonly name: string;
      readonly prepared: Prepared;
      /** Where parsing alone may run code: the command that was asked about. */
      readonly asked: Active | undefined;
      readonly segment: number;
    }
  | { readonly kind: "bind"; readonly name: string; readonly portal: Portal; readonly segment: number }
  | {
      readonly kind: "describe";
      readonly prepared: Prepared | undefined;
      readonly portal: Portal | undefined;
      readonly segment: number;
    }
  | { readonly kind: "execute"; readonly active: Active; readonly answer: Answer; readonly segment: number }
  | { readonly kind: "close"; readonly what: "statement" | "portal"; readonly name: string; readonly segment: number }
  /** Of our own: a statement is closed, or parsed, again. The client never hears of the answer. */
  | {
      readonly kind: "again";
      readonly what: "close" | "parse";
      readonly prepared: Prepared;
      readonly doubts: number;
      readonly segment: number;
    }
  | { readonly kind: "sync"; readonly segment: number }
  | {
      readonly kind: "poison";
      readonly nonce: string;
      readonly refusal: Refusal;
      readonly query: boolean;
      readonly segment: number;
    };

/** A queue whose head is taken often and whose length stays small; nothing is copied per command. */
export class Inflight {
  #items: (Pending | undefined)[] = [];
  #from = 0;

  get length(): number {
    return this.#items.length - this.#from;
  }

  get head(): Pending | undefined {
    return this.#items[this.#from];
  }

  get last(): Pending | undefined {
    return this.#items.at(-1);
  }

  push(pending: Pending): void {
    this.#items.push(pending);
  }

  shift(): Pending | undefined {
    const item = this.#items[this.#from];
    if (item === undefined) return undefined;
    this.#items[this.#from] = undefined;
    this.#from += 1;
    // Compacted once the spent part is the larger one, so a pipeline that never drains does not grow the array.
    if (this.#from === this.#items.length) {
      this.#items.length = 0;
      this.#from = 0;
    } else if (this.#from > 1024 && this.#from * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }

  /** Drops the Syncs that stand right behind the head: the server reads them away while it takes COPY data. */
  dropSyncsBehindHead(): void {
    while (this.#items[this.#from + 1]?.kind === "sync") this.#items.splice(this.#from + 1, 1);
  }

  *[Symbol.iterator](): Generator<Pending> {
    for (let index = this.#from; index < this.#items.length; index += 1) {
      const item = this.#items[index];
      if (item !== undefined) yield item;
    }
  }
}
