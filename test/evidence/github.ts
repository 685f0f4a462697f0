// Renders Markdown the way GitHub does, with an independent implementation of CommonMark and GFM, into a tree that tests
// can walk. Dangerous HTML is let through on purpose: nothing here sanitises what our pages should not have said.

import { micromark } from "micromark";
import { gfm, gfmHtml } from "micromark-extension-gfm";
import { type DefaultTreeAdapterTypes, parseFragment } from "parse5";

type Node = DefaultTreeAdapterTypes.Node;

/** The HTML of a page of Markdown. */
export function htmlOf(markdown: string): string {
  return micromark(markdown, { allowDangerousHtml: true, extensions: [gfm()], htmlExtensions: [gfmHtml()] });
}

/** A page as it stands in a browser. */
export interface Rendered {
  /** Every element with its attributes and our own words; what stands in code is left out. */
  readonly skeleton: string;
  /** What stands in code, one text for each span or block. */
  readonly code: readonly string[];
  /** All text that is not in code. */
  readonly words: string;
  readonly links: readonly string[];
}

export function render(markdown: string): Rendered {
  const lines: string[] = [];
  const code: string[] = [];
  const words: string[] = [];
  const links: string[] = [];
  const walk = (node: Node, depth: number): void => {
    const indent = " ".repeat(depth);
    if (node.nodeName === "#text" && "value" in node) {
      // The mark that keeps right-to-left names from turning round what follows has no width and is ours.
      const text = node.value.replaceAll("\u200e", "");
      words.push(text);
      if (text !== "") lines.push(`${indent}${JSON.stringify(text)}`);
      return;
    }
    if (node.nodeName === "#comment") lines.push(`${indent}<!-- -->`);
    if ("tagName" in node) {
      const attributes = node.attrs.map(({ name, value }) => `${name}=${value}`).toSorted();
      lines.push(`${indent}<${[node.tagName, ...attributes].join(" ")}>`);
      for (const { name, value } of node.attrs) if (name === "href" || name === "src") links.push(value);
      if (node.tagName === "code" && !attributes.includes("class=language-mermaid")) {
        code.push(textOf(node));
        for (const each of node.childNodes) if (each.nodeName !== "#text") walk(each, depth + 1);
        return;
      }
    }
    if ("childNodes" in node) for (const each of node.childNodes) walk(each, depth + 1);
  };
  walk(parseFragment(htmlOf(markdown)), 0);
  return { skeleton: lines.join("\n"), code, words: words.join("\n"), links };
}

function textOf(node: Node): string {
  if ("value" in node) return node.value;
  return "childNodes" in node ? node.childNodes.map(textOf).join("") : "";
}
