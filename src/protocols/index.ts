import { openSqlReader } from "../languages/sql/reader.ts";
import { openPostgres } from "./postgres/index.ts";
import type { Protocol } from "./protocol.ts";

/** Every protocol we speak, by name. A new one is a new folder and one line here. */
export async function openProtocols(): Promise<ReadonlyMap<string, Protocol>> {
  const reader = await openSqlReader();
  return new Map([openPostgres(reader)].map((each) => [each.name, each]));
}
