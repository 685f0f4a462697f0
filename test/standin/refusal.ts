// An answer of GitHub's that is an error, thrown by whatever finds the reason and turned into a response in one place.

import type { Shape } from "./shape.ts";

export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly (Shape | string)[] | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    more: { readonly errors?: readonly (Shape | string)[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }

  /** The body as GitHub words it. */
  body(): Shape {
    return {
      message: this.message,
      ...(this.errors === undefined ? {} : { errors: this.errors }),
      documentation_url: "https://docs.github.com/rest",
      status: String(this.status),
    };
  }
}

export function notFound(): Refusal {
  return new Refusal(404, "Not Found");
}

/** What a validation by GitHub's models, as against its schema, says. */
export function invalid(message: string, errors?: readonly (Shape | string)[]): Refusal {
  return new Refusal(422, message, errors === undefined ? {} : { errors });
}

/** The refusal for a permission that the installation was not given. */
export function notAccessible(needs?: string): Refusal {
  return new Refusal(403, "Resource not accessible by integration", {
    headers: needs === undefined ? {} : { "x-accepted-github-permissions": needs },
  });
}
