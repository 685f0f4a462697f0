// A workflow command in a line of output: `::name key=value,key=value::data`, or the older `##[name key=value;]data`.

export interface Command {
  /** In small letters. */
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

/** The command in a line, if it is one of those `known`; names are compared without case. */
export function parseCommand(line: string, known: ReadonlySet<string>): Command | undefined {
  return parseColons(line, known) ?? parseHashes(line, known);
}

function parseColons(line: string, known: ReadonlySet<string>): Command | undefined {
  const text = line.trimStart();
  if (!text.startsWith("::")) return undefined;
  const end = text.indexOf("::", 2);
  if (end < 0) return undefined;
  const [name, list] = halves(text.slice(2, end));
  if (!known.has(name)) return undefined;
  return { name, properties: properties(list.trim(), ",", unescapeProperty), data: unescapeData(text.slice(end + 2)) };
}

// These may stand anywhere in a line.
function parseHashes(line: string, known: ReadonlySet<string>): Command | undefined {
  const start = line.indexOf("##[");
  const end = line.indexOf("]", start);
  if (start < 0 || end < 0) return undefined;
  const [name, list] = halves(line.slice(start + 3, end));
  if (!known.has(name)) return undefined;
  return { name, properties: properties(list, ";", unescapeHashes), data: unescapeHashes(line.slice(end + 1)) };
}

function halves(text: string): readonly [string, string] {
  const space = text.indexOf(" ");
  return space < 0 ? [text.toLowerCase(), ""] : [text.slice(0, space).toLowerCase(), text.slice(space + 1)];
}

function properties(list: string, separator: string, unescape: (text: string) => string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of list.split(separator)) {
    const equals = pair.indexOf("=");
    if (equals > 0 && equals < pair.length - 1) found[pair.slice(0, equals)] = unescape(pair.slice(equals + 1));
  }
  return found;
}

function unescapeData(text: string): string {
  return text.replaceAll("%0D", "\r").replaceAll("%0A", "\n").replaceAll("%25", "%");
}

function unescapeProperty(text: string): string {
  return text
    .replaceAll("%0D", "\r")
    .replaceAll("%0A", "\n")
    .replaceAll("%3A", ":")
    .replaceAll("%2C", ",")
    .replaceAll("%25", "%");
}

function unescapeHashes(text: string): string {
  return text
    .replaceAll("%3B", ";")
    .replaceAll("%0D", "\r")
    .replaceAll("%0A", "\n")
    .replaceAll("%5D", "]")
    .replaceAll("%25", "%");
}
