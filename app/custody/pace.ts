/**
 * How often a log may be written to GitHub, which bounds what makes content to 80 requests a minute and 500 an hour. After a
 * quiet time a session lands at once; under steady work the landings come further apart, and each holds more.
 */

/** Between two landings of one repository. */
export const PACE_MS_MIN = 5_000;
/** A request is forgotten after this long: 400 in an hour leave room for checks and comments. */
const REQUEST_MS = 9_000;
/** So many at once are never slowed down. */
const BURST = 60;

/** What was written lately: the requests that are not forgotten yet, as of a moment. */
export interface Load {
  readonly load: number;
  readonly atMs: number;
}

/** The load after so many more requests. */
export function loadAfter({ load, atMs }: Load, requests: number, nowMs: number): Load {
  return { load: Math.max(0, load - Math.max(0, nowMs - atMs) / REQUEST_MS) + requests, atMs: nowMs };
}

/** When the next landing may begin, in whole milliseconds since 1970. */
export function nextLandingMs({ load, atMs }: Load, paceMs: number): number {
  return load === 0 ? 0 : Math.ceil(atMs + paceMs + Math.max(0, load - BURST) * REQUEST_MS);
}
