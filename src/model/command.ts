/** What a command would do to the world, not the verb the client typed. DESIGN.md 2. */
export type Effect = "read" | "write" | "delete" | "schema" | "grant" | "admin" | "execute" | "session" | "unknown";

/** Never empty: `unknown` means that the command could not be read, and policy must assume the worst. */
export type Effects = readonly [Effect, ...Effect[]];

/** Connection number, slash, the command's number on that connection, both from 1: `2/4`. Unique in a session. */
export type CommandId = `${number}/${number}`;

/** One thing a client asked of a target, read from the wire and not yet carried out. */
export interface Command {
  readonly id: CommandId;
  /** The name of its folder in `src/protocols`. */
  readonly protocol: string;
  /** Verbatim, as the client sent it. Unmasked: never log or store this field directly. */
  readonly text: string;
  /** The same object for the same text, so the record may refer to the first time that it held it. */
  readonly textKey: object;
  /** Values that came beside the text, decoded to text; null is the target's null. Unmasked. */
  readonly params: readonly (string | null)[];
  /** Where each value of the text and of `params` goes, as far as the reader could tell. */
  readonly slots: readonly Slot[];
  readonly effects: Effects;
  /** What it would touch. Empty means "could not tell", never "nothing". */
  readonly objects: readonly string[];
  /** False when a write or delete is limited by no real condition. */
  readonly bounded: boolean;
  /** What the reader saw that led to these effects, in words for people. Holds no value of the command. */
  readonly why: readonly string[];
  /** The exact bytes that a release will send, in order. An answer is bound to their digest. */
  readonly bytes: readonly Uint8Array[];
  /** True inside an open transaction, where a hold keeps the target's locks. */
  readonly inTransaction: boolean;
  /** True where its connection may find other tables under its names than another connection would. */
  readonly namesMoved?: boolean;
  /** Why the protocol cannot carry it whatever policy says, in a sentence; empty when it can. */
  readonly unservable: string;
}

/** A value in a command and the columns it may be compared with or stored in. */
export interface Slot {
  /** A position in `params` (from 0), or a literal in the text by its UTF-16 offsets. */
  readonly at: { readonly param: number } | { readonly from: number; readonly to: number };
  /** `table.column` as written (`email`, `users.email`, `public.users.email`); empty when it could not be traced. */
  readonly columns: readonly string[];
}

/** A column of a result and where its values come from. `table` and `attribute` are 0 when the target did not say. */
export interface ResultColumn {
  readonly name: string;
  /** PostgreSQL: pg_class.oid. */
  readonly table: number;
  /** PostgreSQL: pg_attribute.attnum. */
  readonly attribute: number;
  /** PostgreSQL: pg_type.oid. */
  readonly type: number;
}
