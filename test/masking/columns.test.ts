import { describe, expect, it } from "vitest";
import {
  type CatalogTable,
  type ColumnCatalog,
  type ColumnRule,
  compileColumns,
  maskOfSlot,
  resultMasks,
  touchesMasked,
} from "../../src/masking/columns.ts";
import type { ResultColumn } from "../../src/model/command.ts";

const columns = (...names: string[]) => new Map(names.map((name, index) => [index + 1, name]));
const tables: Readonly<Record<number, CatalogTable>> = {
  10: { schema: "public", name: "users", kind: "table", columns: columns("id", "email", "name") },
  11: { schema: "public", name: "orders", kind: "table", columns: columns("id", "total") },
  12: { schema: "hr", name: "people", kind: "table", columns: columns("id", "ssn") },
  20: {
    schema: "public",
    name: "contacts",
    kind: "view",
    columns: columns("who", "address"),
    reads: ["public.users.id", "public.users.email"],
  },
  21: { schema: "public", name: "sums", kind: "view", columns: columns("total"), reads: ["public.orders.total"] },
  22: { schema: "public", name: "opaque", kind: "view", columns: columns("x") },
};
const bare: ColumnCatalog = { tableOf: (oid) => tables[oid] };
const asked: ColumnCatalog = {
  ...bare,
  named(name) {
    const found = Object.values(tables).filter((table) => table.name === name);
    return found.length === 0 ? undefined : found;
  },
};

const partial: ColumnRule = { columns: ["users.email"], as: "partial" };
const wild: ColumnRule = { columns: ["*.ssn"], as: "hash" };

function column(name: string, table: number, attribute: number): ResultColumn {
  return { name, table, attribute, type: 25 };
}

function masks(rules: readonly ColumnRule[], of: readonly ResultColumn[], objects: readonly string[], catalog = bare) {
  return resultMasks(compileColumns(rules), of, catalog, { objects });
}

describe("a result column", () => {
  it("goes by the rule for the table's own column, whatever it is called in the result", () => {
    const of = [column("id", 10, 1), column("harmless", 10, 2), column("email", 11, 1), column("x", 12, 2)];
    expect(masks([partial, wild], of, ["users", "orders", "people"])).toEqual([
      undefined,
      "partial",
      undefined,
      "hash",
    ]);
  });

  it("goes by schema where the rule names one", () => {
    const rule = (name: string): ColumnRule => ({ columns: [name], as: "redact" });
    expect(masks([rule("hr.people.ssn")], [column("a", 12, 2)], ["people"])).toEqual(["redact"]);
    expect(masks([rule("public.people.ssn")], [column("a", 12, 2)], ["people"])).toEqual([undefined]);
    expect(masks([rule("h*.p*.S*")], [column("a", 12, 2)], ["people"])).toEqual(["redact"]);
  });

  it("takes the strictest where several rules fit", () => {
    const strict: ColumnRule = { columns: ["users.*"], as: "redact" };
    expect(masks([partial, strict], [column("email", 10, 2)], ["users"])).toEqual(["redact"]);
    expect(masks([strict, partial], [column("email", 10, 2)], ["users"])).toEqual(["redact"]);
  });

  it("of a view is masked when the view reads a masked column, or nobody knows what it reads", () => {
    expect(masks([partial], [column("who", 20, 1), column("address", 20, 2)], ["contacts"])).toEqual([
      "redact",
      "redact",
    ]);
    expect(masks([partial], [column("total", 21, 1)], ["sums"])).toEqual([undefined]);
    expect(masks([partial], [column("x", 22, 1)], ["opaque"])).toEqual(["redact"]);
    expect(masks([{ columns: ["contacts.who"], as: "hash" }], [column("who", 20, 1)], ["contacts"])).toEqual(["hash"]);
  });

  it.each([0, 999])("that is not traced (table %i) is redacted when a masked table is touched, or could be", (oid) => {
    expect(masks([partial], [column("lower", oid, 0)], ["public.users"])).toEqual(["redact"]);
    expect(masks([partial], [column("lower", oid, 0)], [])).toEqual(["redact"]);
    expect(masks([partial], [column("lower", oid, 0)], ["orders"])).toEqual([undefined]);
    expect(masks([partial], [column("Email", oid, 0)], ["orders"])).toEqual(["redact"]);
  });

  it("of an attribute that the catalogue does not have is redacted where its table is masked", () => {
    expect(masks([partial], [column("new", 10, 9), column("ctid", 10, -1)], ["users"])).toEqual(["redact", undefined]);
    expect(masks([partial], [column("new", 11, 9)], ["orders"])).toEqual([undefined]);
  });

  it("is masked where PostgreSQL keeps copies of values, as soon as anything is", () => {
    const stats: ColumnCatalog = {
      tableOf: () => ({
        schema: "pg_catalog",
        name: "pg_stats",
        kind: "view",
        columns: columns("tablename", "most_common_vals"),
        reads: [],
      }),
    };
    const of = [column("tablename", 5, 1), column("most_common_vals", 5, 2)];
    expect(masks([partial], of, ["pg_stats"], stats)).toEqual([undefined, "redact"]);
    expect(masks([], of, ["pg_stats"], stats)).toEqual([undefined, undefined]);
    expect(masks([partial], [column("array_to_string", 0, 0)], ["pg_stats"])).toEqual(["redact"]);
  });

  it("is never masked without rules", () => {
    expect(masks([], [column("email", 0, 0)], [])).toEqual([undefined]);
  });
});

describe("what a statement touches", () => {
  const touches = (rules: readonly ColumnRule[], objects: readonly string[], catalog?: ColumnCatalog) =>
    touchesMasked(compileColumns(rules), objects, catalog);

  it("is told by name, in any schema that is not named, and assumed where it could not be told", () => {
    expect(touches([partial], ["users"])).toBe(true);
    expect(touches([partial], ["audit.users"])).toBe(true);
    expect(touches([{ columns: ["public.users.email"], as: "redact" }], ["audit.users"])).toBe(false);
    expect(touches([partial], ["orders"])).toBe(false);
    expect(touches([partial], [])).toBe(true);
    expect(touches([], [])).toBe(false);
  });

  it("is everything for a rule about every table, until a catalogue can be asked", () => {
    expect(touches([wild], ["orders"])).toBe(true);
    expect(touches([wild], ["orders"], asked)).toBe(false);
    expect(touches([wild], ["people"], asked)).toBe(true);
    expect(touches([wild], ["not-in-the-catalogue"], asked)).toBe(true);
  });

  it("sees through views with a catalogue that can be asked", () => {
    expect(touches([partial], ["contacts"], asked)).toBe(true);
    expect(touches([partial], ["sums"], asked)).toBe(false);
    expect(touches([partial], ["opaque"], asked)).toBe(true);
    expect(masks([partial], [column("lower", 0, 0)], ["contacts"], asked)).toEqual(["redact"]);
  });

  it("is remembered by the identity of the objects", () => {
    const compiled = compileColumns([partial]);
    const objects = ["users"];
    expect(touchesMasked(compiled, objects)).toBe(true);
    objects.length = 0;
    objects.push("orders");
    expect(touchesMasked(compiled, objects)).toBe(true);
  });
});

describe("where a value goes", () => {
  const of = (written: string[], objects: string[], catalog?: ColumnCatalog) =>
    maskOfSlot(compileColumns([partial, wild]), written, objects, catalog);

  it("is matched as written, and strictly where what is written leaves it open", () => {
    expect(of(["users.email"], ["users"])).toBe("partial");
    expect(of(["Public.Users.Email"], ["public.users"])).toBe("partial");
    expect(of(["email"], ["users"])).toBe("partial");
    expect(of(["u.email"], ["users"], asked)).toBe("partial");
    expect(of(["contacts.email"], ["contacts"], asked)).toBe("partial");
    expect(of(["orders.email"], ["orders"], asked)).toBeUndefined();
    expect(of(["users.name"], ["users"])).toBeUndefined();
    expect(of(["orders.ssn", "users.email"], ["users", "orders"])).toBe("hash");
    expect(of(["email"], ["orders"], asked)).toBe("partial");
    expect(of(["query"], ["orders"], asked)).toBeUndefined();
    expect(of(["query"], ["pg_stat_activity"], asked)).toBe("redact");
    expect(of(["renamed"], ["users"])).toBe("redact");
    expect(of(["x.renamed"], ["users"])).toBe("redact");
    expect(of(["users.email", "x.renamed"], ["users"])).toBe("redact");
    expect(of(["x.renamed"], ["orders"], asked)).toBeUndefined();
    expect(of([], ["users"])).toBe("redact");
    expect(of([], ["orders"], asked)).toBeUndefined();
  });
});
