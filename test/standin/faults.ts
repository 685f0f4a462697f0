// What goes wrong with GitHub, on order, and the limits that it keeps.

import { Refusal } from "./refusal.ts";

/** One thing that goes wrong. `after` lets GitHub do what was asked and loses the answer. */
export type Fault =
  | { readonly kind: "forbidden"; readonly retryAfterSeconds: number }
  | { readonly kind: "secondary-limit"; readonly retryAfterSeconds: number | undefined }
  | { readonly kind: "too-many"; readonly retryAfterSeconds: number }
  | { readonly kind: "primary-limit" }
  | { readonly kind: "unprocessable"; readonly message: string }
  /** Somebody else commits to the branch just before the request is served. */
  | { readonly kind: "stale-head"; readonly branch: string }
  | { readonly kind: "bad-gateway"; readonly after?: boolean }
  | { readonly kind: "slow"; readonly milliseconds: number }
  | { readonly kind: "reset"; readonly after?: boolean }
  /** The token that the request carries ends here. */
  | { readonly kind: "expired-token" };

export interface FaultOrder {
  /** How many requests it meets; one unless said. */
  readonly times?: number;
  /** Only requests whose operation, as `POST /graphql` or `PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}`, is this. */
  readonly operation?: string;
}

export interface Faults {
  /** Orders a fault for the next requests that it fits. Faults that were ordered first come first. */
  next(fault: Fault, order?: FaultOrder): void;
  /** Orders a fault for every fitting request until `clear`. */
  always(fault: Fault, order?: Pick<FaultOrder, "operation">): void;
  clear(): void;
  /** Requests that met a fault so far. */
  readonly met: number;
}

export interface FaultQueue extends Faults {
  take(operation: string): Fault | undefined;
}

export function createFaults(): FaultQueue {
  let orders: { fault: Fault; times: number; operation: string | undefined }[] = [];
  let met = 0;
  return {
    next(fault, order = {}) {
      orders.push({ fault, times: order.times ?? 1, operation: order.operation });
    },
    always(fault, order = {}) {
      orders.push({ fault, times: Number.POSITIVE_INFINITY, operation: order.operation });
    },
    clear() {
      orders = [];
    },
    get met() {
      return met;
    },
    take(operation) {
      const order = orders.find((each) => each.operation === undefined || each.operation === operation);
      if (order === undefined) return undefined;
      order.times -= 1;
      met += 1;
      orders = orders.filter((each) => each.times > 0);
      return order.fault;
    },
  };
}

const SECONDARY =
  "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to GitHub Support for help, please include the request ID.";

/** The answer that a fault of limits stands for, if it is one. */
export function limitRefusal(fault: Fault): Refusal | undefined {
  switch (fault.kind) {
    case "forbidden":
      return new Refusal(403, "Forbidden", { headers: { "retry-after": String(fault.retryAfterSeconds) } });
    case "too-many":
      return new Refusal(429, "Too Many Requests", { headers: { "retry-after": String(fault.retryAfterSeconds) } });
    case "secondary-limit": {
      const seconds = fault.retryAfterSeconds;
      return new Refusal(403, SECONDARY, seconds === undefined ? {} : { headers: { "retry-after": String(seconds) } });
    }
    case "unprocessable":
      return new Refusal(422, fault.message);
    case "primary-limit":
    case "stale-head":
    case "bad-gateway":
    case "slow":
    case "reset":
    case "expired-token":
      return undefined;
  }
}
