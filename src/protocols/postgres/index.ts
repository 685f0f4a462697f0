import type { SqlReader } from "../../languages/sql/reading.ts";
import type { Controls, Opening, Protocol } from "../protocol.ts";
import { PostgresConversation } from "./conversation.ts";
import { foresee } from "./foresee.ts";
import { SALT_BYTES, type ScramVerifier, scramVerifier } from "./scram.ts";

/** What is enforced of a policy on PostgreSQL; the README's table is made of it. */
export const postgresControls: Controls = {
  recordCommand: true,
  recordResponse: true,
  maskRecord: true,
  maskDelivery: false,
  hold: true,
  deny: true,
  rewrite: false,
  guard: false,
};

/** PostgreSQL, protocol 3.0 and 3.2. */
export function openPostgres(reader: SqlReader): Protocol {
  // Deriving a verifier takes milliseconds, and all connections of a session have one password.
  let known: { readonly password: string; readonly verifier: ScramVerifier } | undefined;
  const verifierOf = ({ password, random }: Opening): ScramVerifier => {
    if (known?.password !== password) known = { password, verifier: scramVerifier(password, random(SALT_BYTES)) };
    return known.verifier;
  };
  return {
    name: "postgres",
    controls: postgresControls,
    open: (opening) => new PostgresConversation(opening, reader, verifierOf(opening)),
    foresee: (text, how) => foresee(text, how, reader),
  };
}

export { type LoginOptions, NO_TLS, openLogin } from "./login.ts";
export {
  type Answered,
  AnswerReader,
  answerOf,
  encodeQuestion,
  encodeTerminate,
  questionIdentity,
} from "./question.ts";
export { type Host, isLocal, readTarget, Target, type Tls } from "./target.ts";
export { TargetError } from "./target-url.ts";
