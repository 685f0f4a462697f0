export interface Reason {
  /** The rule's name in the policy, or one of the built-in names in `BUILT_IN_RULES`. */
  readonly rule: string;
  /** Shown to the person whose command was stopped, in their own client. Says what to do instead. */
  readonly message: string;
  /** The facts that matched, in words: `effects delete`, `bounded false`. */
  readonly matched: readonly string[];
}

/** Who may answer a hold, how many of them, how long it waits and on which surfaces. DESIGN.md 7. */
export interface ApprovalTerms {
  readonly teams: readonly string[];
  readonly users: readonly string[];
  readonly count: number;
  readonly expiresMs: number;
  readonly via: readonly Surface[];
}

export type Surface = "check" | "review" | "comment";

/** Policy's word on one command. A `hold` waits for people; the other two are final. */
export type Decision =
  | { readonly kind: "allow"; readonly reason: Reason }
  | { readonly kind: "hold"; readonly reason: Reason; readonly approval: ApprovalTerms }
  | { readonly kind: "deny"; readonly reason: Reason };

/** People's word on a hold, or nobody's: `expired` when time ran out, `withdrawn` when the client cancelled or left. */
export type Answer = "approved" | "refused" | "expired" | "withdrawn";

/** What the gateway finally tells a conversation to do with a command it asked about. */
export type Ruling = { readonly kind: "release" } | Refusal;

export interface Refusal {
  readonly kind: "refuse";
  /** `denied` by policy or people, `expired`, `withdrawn`, or `unrecorded`: it could not be written down. */
  readonly cause: "denied" | "expired" | "withdrawn" | "unrecorded";
  /** What happened, in one sentence. */
  readonly message: string;
  /** The rule, and the request where there was one. */
  readonly detail: string;
  /** What to do next. */
  readonly hint: string;
}
