// The published description of GitHub's webhooks: whether a payload that the stand-in sends is complete.

import { isShape, maybeText, shapeAt } from "../shape.ts";
import { pointerTo, readDescription } from "./description.ts";
import { explain } from "./rest.ts";

export interface HookContract {
  /** What is wrong with the payload of an event; empty when nothing is. */
  payload(event: string, body: unknown): readonly string[];
}

export function hookContract(): HookContract {
  const description = readDescription("@octokit/openapi-webhooks/generated/api.github.com.json");
  const webhooks = shapeAt(description.document, "webhooks");
  return {
    payload(event, body) {
      const action = isShape(body) ? maybeText(body, "action") : undefined;
      const name = [event, ...(action === undefined ? [] : [action])].join("-").replaceAll("_", "-");
      if (webhooks[name] === undefined) return [`there is no webhook ${name}`];
      const validate = description.at(
        pointerTo("webhooks", name, "post", "requestBody", "content", "application/json", "schema"),
      );
      return validate(body) ? [] : [`${name}: ${explain(validate.errors)}`];
    },
  };
}
