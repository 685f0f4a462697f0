// What a connection remembers, as far as it follows from what was read on it.

import type { Deed, Reading, SqlSession, Statement } from "./reading.ts";

/** A connection on which nothing has happened yet. */
export const EMPTY_SESSION: SqlSession = {
  prepared: () => undefined,
  cursor: () => undefined,
  pathTrusted: true,
};

/**
 * A connection on which all that it was told of is taken as done. True of the statements in the middle of one text,
 * because the server stops at the first that fails; and of a setup that somebody vouches for. A live connection goes by
 * the server's answers instead.
 */
export class TakenSession implements SqlSession {
  readonly #before: SqlSession;
  readonly #prepared = new Map<string, Reading | undefined>();
  readonly #cursors = new Map<string, Reading | undefined>();
  #forgotten = { prepared: false, cursors: false };
  pathTrusted: boolean;

  constructor(before: SqlSession = EMPTY_SESSION) {
    this.#before = before;
    this.pathTrusted = before.pathTrusted;
  }

  prepared(name: string): Reading | undefined {
    if (this.#prepared.has(name) || this.#forgotten.prepared) return this.#prepared.get(name);
    return this.#before.prepared(name);
  }

  cursor(name: string): Reading | undefined {
    if (this.#cursors.has(name) || this.#forgotten.cursors) return this.#cursors.get(name);
    return this.#before.cursor(name);
  }

  /** Takes statements as done, in order. */
  take(statements: readonly Statement[]): void {
    for (const { deeds } of statements) for (const deed of deeds) this.#note(deed);
  }

  #note(deed: Deed): void {
    switch (deed.kind) {
      case "prepare":
        this.#prepared.set(deed.name, deed.body);
        break;
      case "deallocate":
        if (deed.name !== undefined) this.#prepared.set(deed.name, undefined);
        else {
          this.#prepared.clear();
          this.#forgotten.prepared = true;
        }
        break;
      case "declare":
        this.#cursors.set(deed.name, deed.body);
        break;
      case "close":
        if (deed.name !== undefined) this.#cursors.set(deed.name, undefined);
        else {
          this.#cursors.clear();
          this.#forgotten.cursors = true;
        }
        break;
      case "path-untrusted":
        this.pathTrusted = false;
        break;
      case "execute":
      case "fetch":
      case "copy-in":
      case "path-set":
      case "own-constant":
      case "newer-call":
        break;
    }
  }
}
