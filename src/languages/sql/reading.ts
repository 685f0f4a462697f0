import type { Effects, Slot } from "../../model/command.ts";

/** What a text of SQL would do: all its statements together, and each alone. Says nothing of whether it may. */
export interface Reading {
  readonly effects: Effects;
  /** Tables, functions, roles ... as written (`users`, `public.users`); empty means "could not tell", never "nothing". */
  readonly objects: readonly string[];
  readonly bounded: boolean;
  /** Why it is not a plain read, in words for people, holding no literal of the text. */
  readonly why: readonly string[];
  readonly slots: readonly Slot[];
  /** In order; empty for a text of comments alone, and for one that could not be read (then `effects` is `unknown`). */
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly effects: Effects;
  readonly objects: readonly string[];
  readonly bounded: boolean;
  readonly why: readonly string[];
  readonly slots: readonly Slot[];
  /** What it does to the connection's own state, once the server says that it was done. */
  readonly deeds: readonly Deed[];
}

/** A change of, or a call on, what one connection remembers between commands. */
export type Deed =
  /** PREPARE name AS body. */
  | { readonly kind: "prepare"; readonly name: string; readonly body: Reading }
  /** DEALLOCATE name; undefined for ALL, and for DISCARD ALL. */
  | { readonly kind: "deallocate"; readonly name: string | undefined }
  /** EXECUTE name, also inside EXPLAIN or CREATE TABLE AS. */
  | { readonly kind: "execute"; readonly name: string }
  /** DECLARE name CURSOR FOR body; one that is held (WITH HOLD) outlives its transaction. */
  | { readonly kind: "declare"; readonly name: string; readonly body: Reading; readonly held: boolean }
  /** FETCH or MOVE name. */
  | { readonly kind: "fetch"; readonly name: string }
  /** CLOSE name; undefined for ALL. */
  | { readonly kind: "close"; readonly name: string | undefined }
  /** COPY ... FROM STDIN: the client will stream data behind it. */
  | { readonly kind: "copy-in" }
  /** `search_path` may now put another schema before pg_catalog, so an unqualified function name says nothing. */
  | { readonly kind: "path-untrusted" }
  /** It sets `search_path`: another connection may find other tables under the same names. */
  | { readonly kind: "path-set" }
  /** It has a constant of a type that is not built in. The server reads it, and may run code for it, when it parses. */
  | { readonly kind: "own-constant" }
  /** It calls what is built in from this major version on; an older server would call somebody's function of that name. */
  | { readonly kind: "newer-call"; readonly since: number };

/** What the reader must know of the connection that will run the text. */
export interface SqlSession {
  /** What that connection prepared under this name (by PREPARE or by Parse); undefined when it did not. */
  prepared(name: string): Reading | undefined;
  /** The query of that cursor or portal; undefined when there is none. */
  cursor(name: string): Reading | undefined;
  /** False once something ran that may have put another schema before pg_catalog. */
  readonly pathTrusted: boolean;
}

export interface SqlReader {
  /**
   * Reads one text as the server would. Never throws; what cannot be read has the effect `unknown`.
   * Bounded: text past its own limits of size or depth, or with NUL or a lone surrogate, is `unknown` too.
   */
  read(text: string, session: SqlSession): Reading;
}
