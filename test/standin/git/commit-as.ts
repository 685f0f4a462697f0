// Commits that GitHub makes for somebody, signed with its own key where it does so.

import type { Call } from "../exchange.ts";
import { actorOf } from "../exchange.ts";
import { emailOf } from "../render/repository.ts";
import { maybeText, type Shape } from "../shape.ts";
import { isoOf, type Principal, type World } from "../world.ts";
import type { Person } from "./objects.ts";

/** Whoever acts, as the author of a commit made now. */
export function personOf(world: World, principal: Principal): Person {
  const account = actorOf(principal);
  return {
    name: account.name === "" ? account.login : account.name,
    email: emailOf(account),
    date: isoOf(world.now()),
  };
}

/** GitHub itself, as the committer of what it commits in a browser or by GraphQL. */
export function committerOf(world: World): Person {
  return { name: "GitHub", email: "noreply@github.com", date: isoOf(world.now()) };
}

/** The person a body names, or whoever acts. */
export function namedPerson(call: Call, body: Shape | undefined): Person {
  const usual = personOf(call.world, call.principal);
  if (body === undefined) return usual;
  return {
    name: maybeText(body, "name") ?? usual.name,
    email: maybeText(body, "email") ?? usual.email,
    date: isoOf(Date.parse(maybeText(body, "date") ?? usual.date)),
  };
}

/** GitHub signs for a bot, and only where the bot names nobody else as author or committer. */
export function signerFor(
  world: World,
  principal: Principal,
  isOwn: boolean,
): ((payload: string) => string) | undefined {
  return principal.kind === "installation" && isOwn ? world.sign : undefined;
}
