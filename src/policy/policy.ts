// What an operator wrote in countersign.yml, as data: checked, with every default filled in. Decides nothing;
// `decide.ts` does, and `src/config` is what makes one from text.
import type { Effect } from "../model/command.ts";
import type { ApprovalTerms, Decision } from "../model/decision.ts";

export interface Policy {
  readonly version: 1;
  /** The file it was read from, as named by whoever read it; for messages. */
  readonly file: string;
  /** `sha256:<hex>` of the file's exact bytes. Stands in the first event of every session. */
  readonly digest: string;
  readonly targets: ReadonlyMap<string, TargetPolicy>;
  /** In the order of the file. */
  readonly rules: readonly Rule[];
  readonly masking: readonly MaskingRule[];
  /** The class that the evidence of these sessions is kept under; empty when the file names none. */
  readonly retention: { readonly class: string };
  readonly limits: Limits;
}

/** A place in the policy file, both from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface TargetPolicy {
  readonly name: string;
  /** The name of a folder in `src/protocols`; whether there is such a one is checked at start-up. */
  readonly protocol: string;
  readonly guard: "none" | "read-only";
  /** True adds fdatasync to what is written before a command's bytes move. */
  readonly sync: boolean;
  /** Most bytes of one response whose values are kept for the record; 0 keeps none. */
  readonly recordBytesMax: number;
  readonly at: Place;
}

export interface Rule {
  readonly name: string;
  readonly match: Match;
  readonly decide: Decision["kind"];
  /** Empty when the operator wrote none. */
  readonly message: string;
  /** The defaults where the operator wrote none; means something for a `hold` only. */
  readonly approval: ApprovalTerms;
  readonly at: Place;
}

/** All that is named must fit. Nothing is named as an empty list: an absent key names nothing. */
export interface Match {
  readonly target?: readonly string[];
  readonly protocol?: readonly string[];
  readonly effects?: readonly Effect[];
  readonly objects?: readonly string[];
  readonly bounded?: boolean;
  readonly method?: readonly string[];
  readonly path?: readonly string[];
  readonly command?: readonly string[];
  readonly branch?: readonly string[];
  readonly environment?: readonly string[];
  readonly event?: readonly string[];
  readonly actor?: readonly string[];
  readonly any?: readonly Match[];
  readonly all?: readonly Match[];
  readonly not?: Match;
  /** A CEL expression. Read, and not enforced by this version: start-up stops on it. */
  readonly when?: string;
  readonly at: Place;
}

/** How a masked value looks: `src/masking/mask.ts` makes them. */
type MaskAs = "redact" | "partial" | "hash" | "tokenise";

export type MaskingRule =
  | { readonly kind: "columns"; readonly columns: readonly string[]; readonly as: MaskAs; readonly at: Place }
  | { readonly kind: "detect"; readonly detect: readonly string[]; readonly at: Place }
  | {
      readonly kind: "deliver";
      readonly deliver: readonly { readonly columns: readonly string[]; readonly as: MaskAs }[];
      readonly at: Place;
    };

interface Limits {
  /** Longest wait of a hold inside an open transaction, where it keeps the target's locks. DESIGN.md 7. */
  readonly holdInTransactionMs: number;
}

/** Every effect, in the order in which people should read them. */
export const EFFECTS = [
  "read",
  "write",
  "delete",
  "schema",
  "grant",
  "admin",
  "execute",
  "session",
  "unknown",
] as const satisfies readonly Effect[];

/** Names that `Reason.rule` may have without a rule of the operator's; no rule in a file may be called so. */
export const BUILT_IN_RULES = {
  /** No rule of the policy spoke for the command. */
  default: "default",
} as const;
