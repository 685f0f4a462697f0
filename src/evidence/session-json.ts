// A session as one JSON object for other programs: its events, with the values where their digests stood.

import type { Erasure } from "./erasure.ts";
import { readEvents } from "./read-events.ts";
import type { SessionFiles } from "./sessions.ts";
import { isObject, isText } from "./shape.ts";
import { openValues, type Values } from "./story.ts";
import { Summariser } from "./summary.ts";

/** Everything that a terminal might obey or hide; JSON can write each as an escape. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\p{Co}\u2800]/gu;

/**
 * `{sid, counts, erasures, events}` on one line. A value is `{"value": ...}` in its digest's place; one that is not there
 * `{"digest": ..., "erased": true|false}`, false where no erasure names it.
 */
export function sessionJson({ events, disclosures }: SessionFiles, erasures: readonly Erasure[]): string {
  const values = openValues(disclosures, "all");
  const erased = new Set(erasures.flatMap(({ digests }) => digests));
  const summariser = new Summariser();
  const told: unknown[] = [];
  readEvents(events, (event) => {
    summariser.add(event);
    told.push({ ...event, body: opened(event.body, values, erased) });
  });
  const { sid, counts } = summariser.summary();
  return escaped(JSON.stringify({ sid, counts, erasures, events: told }));
}

function opened(value: unknown, values: Values, erased: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => opened(each, values, erased));
  if (!isObject(value)) return value;
  const digest = value["..."];
  if (isText(digest)) {
    const found = values({ "...": digest });
    return found === undefined ? { digest, erased: erased.has(digest) } : { value: found };
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, opened(each, values, erased)]));
}

function escaped(json: string): string {
  return json.replace(UNSEEN, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}
