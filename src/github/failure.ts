// What a failed call to GitHub says about trying again. The client throws at once, and whoever called waits without holding
// anything.

/**
 * When GitHub may be asked again, in milliseconds since 1970: what `retry-after` or `x-ratelimit-reset` say. Undefined where it
 * says nothing of that; then the caller backs off by itself.
 */
export function askAgainAtMs(error: unknown, nowMs: number): number | undefined {
  const headers = headersOf(error);
  if (headers === undefined) return undefined;
  const after = Number(headers["retry-after"]);
  if (headers["retry-after"] !== undefined && Number.isFinite(after) && after >= 0) {
    return nowMs + Math.min(after, WAIT_SECONDS_MAX) * 1000;
  }
  const reset = Number(headers["x-ratelimit-reset"]);
  if (String(headers["x-ratelimit-remaining"]) === "0" && Number.isFinite(reset)) {
    return Math.min(Math.max(reset * 1000, nowMs + 1000), nowMs + WAIT_SECONDS_MAX * 1000);
  }
  return undefined;
}

/** The HTTP status of a failed call; 0 where it never got an answer. */
export function statusOf(error: unknown): number {
  return error instanceof Error && "status" in error && typeof error.status === "number" ? error.status : 0;
}

/** A primary limit lasts an hour at most. */
const WAIT_SECONDS_MAX = 3_600;

function headersOf(error: unknown): Readonly<Record<string, unknown>> | undefined {
  return headersIn(error instanceof Error && "response" in error ? error.response : undefined) ?? headersIn(error);
}

/** REST's errors hold the answer with its headers; GraphQL's hold the headers, and as the answer what it said. */
function headersIn(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || !("headers" in value)) return undefined;
  const { headers } = value;
  return typeof headers === "object" && headers !== null ? Object.fromEntries(Object.entries(headers)) : undefined;
}
