import fc from "fast-check";
import { expect, it } from "vitest";
import { visible, visibleLine } from "../../src/masking/display.ts";

it.each([
  ["line\n\tnext", "line\n\tnext"],
  ["back\rspace\b", "back\\u{D}space\\u{8}"],
  ["\u202Etxt.exe", "\\u{202E}txt.exe"],
  ["a\u200Bb\u2060\uFEFF", "a\\u{200B}b\\u{2060}\\u{FEFF}"],
  ["\u0085\u009B31m", "\\u{85}\\u{9B}31m"],
  ["\u2066x\u2069\u061C", "\\u{2066}x\\u{2069}\\u{61C}"],
  ["\uD800 \u{E0041} \u3164", "\\u{D800} \\u{E0041} \\u{3164}"],
  ["caf\u00E9 \u{1F600} 東京", "café 😀 東京"],
  ["\\u{202E}", "\\u{5C}u{202E}"],
])("shows %j as %j", (text, expected) => {
  expect(visible(text)).toBe(expected);
});

it("leaves nothing unseen, loses nothing, and never makes two texts look the same", () => {
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom("\\", "u{", "A}", "\n", "\uD83D"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
  });
  fc.assert(
    fc.property(text, (each) => {
      expect(visibleLine(each)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u);
      const back = visibleLine(each).replaceAll(/\\u\{([0-9A-F]+)\}/g, (_, hex: string) =>
        String.fromCodePoint(Number.parseInt(hex, 16)),
      );
      expect(back).toBe(each);
    }),
  );
});
