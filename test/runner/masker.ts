// Takes secrets out of a log: each value, and the ways in which it is commonly written otherwise.

export interface Masker {
  /** Adds a value; of one with several lines each line too, because a log is masked line by line. */
  add(value: string): void;
  readonly mask: (text: string) => string;
}

export function createMasker(): Masker {
  const values = new Set<string>();
  return {
    add(value) {
      for (const part of [value, ...value.split(/[\r\n]+/).map((line) => line.trim())]) {
        if (part.trim() === "") continue;
        for (const written of [part, ...otherwiseWritten(part)]) if (written !== "") values.add(written);
      }
    },
    mask(text) {
      const spans: [number, number][] = [];
      for (const value of values) {
        for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1))
          spans.push([at, at + value.length]);
      }
      spans.sort((a, b) => a[0] - b[0]);
      let masked = "";
      let from = 0;
      for (let index = 0; index < spans.length; ) {
        const [start, firstEnd] = spans[index] ?? [0, 0];
        let end = firstEnd;
        // Neighbours become one.
        for (index += 1; index < spans.length; index += 1) {
          const [nextStart, nextEnd] = spans[index] ?? [0, 0];
          if (nextStart > end) break;
          end = Math.max(end, nextEnd);
        }
        masked += `${text.slice(from, start)}***`;
        from = end;
      }
      return masked + text.slice(from);
    },
  };
}

function otherwiseWritten(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [
    ...[0, 1, 2].map((shift) => bytes.subarray(shift).toString("base64")),
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    value.replaceAll("'", "''"),
    value.replaceAll('"', '\\"'),
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;"),
    /^".+"$/s.test(value) ? value.slice(1, -1) : "",
  ];
}
