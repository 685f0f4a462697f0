// Runs the stand-in by itself, with a small organisation on it: `npm run standin -- --port 4000`.

import { parseArgs } from "node:util";
import { startStandin } from "./standin.ts";

const { values } = parseArgs({ options: { port: { type: "string", default: "0" }, hook: { type: "string" } } });
const standin = await startStandin({ port: Number(values.port), withPages: true });
const acme = standin.organization("acme");
const [ada, bob] = [standin.user("ada", "Ada"), standin.user("bob", "Bob")];
const shop = await standin.repository(acme, "shop");
shop.roles.set("ada", "write").set("bob", "maintain");
standin.team(acme, "dba", { bob: "active" });
const hook = values.hook === undefined ? undefined : { url: values.hook, secret: "a secret for the stand-in alone" };
const { app, privateKey } = standin.app({
  slug: "countersign",
  owner: acme,
  permissions: {
    metadata: "read",
    checks: "write",
    contents: "write",
    pull_requests: "write",
    issues: "write",
    actions: "read",
    members: "read",
  },
  events: ["check_run", "issue_comment", "pull_request_review"],
  hook,
});
const installation = standin.install(app, acme);
process.stdout.write(`A GitHub of its own, at ${standin.origin}, with nothing but tests' secrets in it:

  in a browser  ${standin.origin}/
  repository    git clone ${standin.origin}/acme/shop.git
  REST          ${standin.origin}/repos/acme/shop   (an Enterprise Server's: ${standin.origin}/api/v3)
  GraphQL       ${standin.origin}/graphql
  OIDC issuer   ${standin.origin}/.well-known/openid-configuration
  App           id ${app.id}, installation ${installation.id}, webhooks to ${hook?.url ?? "nowhere: give --hook URL"}
  Ada's token   ${standin.personalToken(ada)}   (writes)
  Bob's token   ${standin.personalToken(bob)}   (maintains, in the team dba)

${privateKey}
Ctrl-C ends it, and everything in it.
`);
let isEnding = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // A terminal's or a supervisor's signal may come twice: to the group, and handed on.
  process.on(signal, () => {
    if (isEnding) return;
    isEnding = true;
    void standin.close().then(() => process.exit(0));
  });
}
