// The name of a repository's log: a schema-less URL, as C2SP tlog-checkpoint advises. Sessions are signed under it, so
// one that was signed for one repository cannot be entered in the log of another.

/** The origin of the log that sessions of this repository (`owner/name`, or what a machine calls it) are entered in. */
export function logOriginOf(repository: string): string {
  const name = repository.replaceAll(/[^\w./-]/g, "-") || "unnamed";
  return /^[\w-]+\/[\w.-]+$/.test(name)
    ? `github.com/${name}/countersign`
    : `localhost/${name.replaceAll("/", "-")}/countersign`;
}
