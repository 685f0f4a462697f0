// One way to break evidence, as a row of a table.

/** One way to break evidence. */
export interface Breakage {
  /** Short and unique. */
  readonly name: string;
  readonly title: string;
  /** The lines of `test/corpus/evidence.jsonl` that it shows. */
  readonly cases: readonly string[];
  /** Applies it to a folder that `sealBase` filled. */
  readonly breaks: (folder: string) => void | Promise<void>;
  readonly verdict: "good" | "failed" | "incomplete";
  /** The check that must not be good; empty when all is good. */
  readonly check: string;
  /** Checks that cannot but fail with it, in the order of the alphabet. */
  readonly also: readonly string[];
  /** True: the auditor kept `log/checkpoint` as it was before, and gives it to `--since`. */
  readonly since: boolean;
}
