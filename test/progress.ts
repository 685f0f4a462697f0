// How far something long is: on a terminal one line that changes, in a log a line a minute.

/** Between two lines in a log. */
const LINE_EVERY_MS = 60_000;

export interface Meter {
  readonly tell: (text: string) => void;
  /** Takes the line away again. */
  readonly end: () => void;
}

export function meter(
  output: { write(text: string): unknown; readonly isTTY?: boolean },
  clock: () => number = () => performance.now(),
): Meter {
  if (output.isTTY === true) {
    return {
      tell: (text) => void output.write(`\r\u001b[K${text}`),
      end: () => void output.write("\r\u001b[K"),
    };
  }
  let nextMs = clock() + LINE_EVERY_MS;
  return {
    tell(text) {
      if (clock() < nextMs) return;
      nextMs = clock() + LINE_EVERY_MS;
      output.write(`${text}\n`);
    },
    end: () => undefined,
  };
}
