// What an operator wrote wrong, every bit of it at once, and where.

export interface ConfigIssue {
  readonly file: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
  /** What was found and what would be right. */
  readonly message: string;
}

/** The operator is wrong. Thrown at start; carries every issue, in the order of the file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly issues: readonly ConfigIssue[];

  constructor(issues: readonly ConfigIssue[], options?: ErrorOptions) {
    const sorted = issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
    super(sorted.map(lineOf).join("\n"), options);
    this.issues = sorted;
  }
}

/** `file:line:column: message`, as compilers write it, so that editors and annotations find the place. */
export function lineOf(issue: ConfigIssue): string {
  return `${issue.file}:${issue.line}:${issue.column}: ${issue.message}`;
}
