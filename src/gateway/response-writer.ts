import { quoted } from "../journal/disclosure.ts";
import type { As } from "../masking/columns.ts";
import type { Masker } from "../masking/mask.ts";
import type { ResultColumn } from "../model/command.ts";
import type { ResultSet } from "../protocols/protocol.ts";

/** What came back of one execution, as it is kept: rows that are masked here, and words that may be kept as they are. */
export interface Response {
  readonly key: Uint8Array;
  readonly results: readonly ResultSet[];
  readonly summary: readonly string[];
}

/** How each value of a row is masked, by its column; one word for all where columns are not known. */
type RowMasks = readonly (As | undefined)[] | As;

/**
 * Writes responses as canonical JSON: `{"key", "results": [{"columns", "rows"}], "summary"}`. It is written by hand because
 * most responses are one short row, of which JSON.stringify and the objects for it were the larger part.
 */
export class ResponseWriter {
  readonly #masker: Masker;
  /** The names of columns as JSON, by the list they came in: executions of one statement share it. */
  readonly #columns = new WeakMap<readonly ResultColumn[], string>();

  constructor(masker: Masker) {
    this.#masker = masker;
  }

  /** `masksOf` says how rows of these columns are masked. Returns how many values were. */
  write(
    { key, results, summary }: Response,
    masksOf: (columns: readonly ResultColumn[]) => RowMasks,
  ): { readonly json: string; readonly masked: number } {
    let masked = 0;
    let sets = "";
    for (const { columns, rows } of results) {
      const masks = masksOf(columns);
      let lines = "";
      for (const row of rows) {
        let cells = "";
        for (let index = 0; index < row.length; index += 1) {
          const value = row[index] ?? null;
          const as = typeof masks === "string" ? masks : masks[index];
          if (as !== undefined && value !== null) masked += 1;
          const cell = this.#masker.maskCell(value, as);
          cells += `${index === 0 ? "" : ","}${cell === null ? "null" : quoted(cell)}`;
        }
        lines += `${lines === "" ? "" : ","}[${cells}]`;
      }
      sets += `${sets === "" ? "" : ","}{"columns":${this.#names(columns)},"rows":[${lines}]}`;
    }
    const words = summary.length === 1 ? quoted(summary[0] ?? "") : summary.map(quoted).join(",");
    return { json: `{"key":"${base64url(key)}","results":[${sets}],"summary":[${words}]}`, masked };
  }

  #names(columns: readonly ResultColumn[]): string {
    const known = this.#columns.get(columns);
    if (known !== undefined) return known;
    const json = `[${columns.map(({ name }) => quoted(name)).join(",")}]`;
    this.#columns.set(columns, json);
    return json;
  }
}

function base64url(bytes: Uint8Array): string {
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)).toString("base64url");
}
