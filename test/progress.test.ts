import { describe, expect, it } from "vitest";
import { meter } from "./progress.ts";

describe("how far something long is", () => {
  it("is one line that changes on a terminal, and a line a minute in a log", () => {
    const written = { terminal: "", log: "" };
    let nowMs = 0;
    const terminal = meter({ isTTY: true, write: (text) => (written.terminal += text) });
    const log = meter({ write: (text) => (written.log += text) }, () => nowMs);
    for (let second = 0; second <= 150; second += 1) {
      nowMs = second * 1000;
      log.tell(`${second} of 150`);
      if (second < 2) terminal.tell(`${second} of 150`);
    }
    log.end();
    terminal.end();
    expect(written.log).toBe("60 of 150\n120 of 150\n");
    expect(written.terminal).toBe("\r\u001b[K0 of 150\r\u001b[K1 of 150\r\u001b[K");
  });
});
