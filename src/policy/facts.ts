/**
 * What policy may judge a command by, beside the command itself. One object per target and session where that is
 * possible: decisions are remembered by its identity, so it must not change once it was used.
 */
export interface Facts {
  /** The operator's name for it. */
  readonly target: string;
  readonly protocol: string;
  /** Of the run. An empty string in these four means that nobody said, and then any name could be the true one. */
  readonly branch: string;
  readonly environment: string;
  readonly event: string;
  readonly actor: string;
  /** HTTP alone: absent where the protocol has no such thing. */
  readonly method?: string;
  readonly path?: string;
  /** A wrapped shell command alone. */
  readonly command?: string;
}
