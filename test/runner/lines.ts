// Cuts a stream into lines as the runner reads them: "\n", "\r\n" and a lone "\r" each end one.

export interface Lines {
  take(chunk: Uint8Array): void;
  /** The stream has ended: what has no end of line is a line too. */
  end(): void;
}

export function createLines(onLine: (line: string) => void): Lines {
  const decoder = new TextDecoder();
  let rest = "";
  const cut = (isEnd: boolean): void => {
    for (;;) {
      const match = /\r\n|\n|\r/.exec(rest);
      // A "\r" that is the last so far may have its "\n" in the next chunk.
      if (match === null || (!isEnd && match[0] === "\r" && match.index === rest.length - 1)) return;
      onLine(rest.slice(0, match.index));
      rest = rest.slice(match.index + match[0].length);
    }
  };
  return {
    take(chunk) {
      rest += decoder.decode(chunk, { stream: true });
      cut(false);
    },
    end() {
      rest += decoder.decode();
      cut(true);
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}
