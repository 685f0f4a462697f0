// The shape of countersign.yml: one schema for reading it, for the errors, and for editors (JSON Schema).
// Says nothing of what one part means for another; `policy-file.ts` checks that.
import * as z from "zod";
import { visible } from "../masking/display.ts";
import { EFFECTS } from "../policy/policy.ts";
import { DURATION, durationMs, SIZE, sizeBytes } from "./durations.ts";

/** Rules are gone through for every new reading, so there must not be very many. */
const RULES_MAX = 1000;
const TARGETS_MAX = 64;
/** Of names in one list, and of entries under `masking`. */
const LIST_MAX = 256;
const PATTERN_CHARS_MAX = 256;
const MESSAGE_CHARS_MAX = 500;
/** A hosted runner's job ends after six hours; nobody waits longer than a day. */
const EXPIRES_MS = { min: 100, max: 24 * 3_600_000 };
/** Locks held longer than ten minutes stop other people's work. */
const HOLD_IN_TRANSACTION_MS = { min: 100, max: 600_000 };
/** What one response may add to the evidence; it is kept in memory until it is written. */
const RECORD_BYTES_MAX = 8 * 1024 * 1024;

const NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const NAME_ADVICE = "use small letters, digits, - and _, at most 63, a letter first";

const name = () => z.string().regex(NAME, NAME_ADVICE);
const pattern = () => z.string().min(1).max(PATTERN_CHARS_MAX).refine(isPlain, "no control or unseen characters");
const listOf = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(LIST_MAX);
const oneOrMore = <T extends z.ZodType>(item: T) => z.union([item, listOf(item)]);

function duration(range: { readonly min: number; readonly max: number }) {
  return z
    .string()
    .regex(DURATION, "write a whole number and a unit: 500ms, 60s, 30m or 2h")
    .refine(
      (text) => {
        const ms = durationMs(text);
        return Number.isNaN(ms) || (ms >= range.min && ms <= range.max);
      },
      `choose from ${range.min}ms to ${range.max / 1000}s`,
    );
}

function isPlain(text: string): boolean {
  return visible(text) === text && !/[\n\t]/.test(text);
}

const Match = z
  .strictObject({
    target: oneOrMore(pattern()).optional().describe("Names of targets; * stands for any characters."),
    protocol: oneOrMore(pattern()).optional().describe("Names of protocols, such as postgres."),
    effects: oneOrMore(z.enum(EFFECTS))
      .optional()
      .describe(
        "What the command would do. A hold or deny matches when any effect is named, an allow only when every one is.",
      ),
    objects: oneOrMore(pattern())
      .optional()
      .describe(
        "Tables, paths, keys: * stands for characters within one part of a name, ** for any number of parts. A command whose objects could not be told matches a hold or deny, and never an allow.",
      ),
    bounded: z.boolean().optional().describe("false: a write or delete that no real condition limits."),
    method: oneOrMore(pattern()).optional().describe("HTTP methods."),
    path: oneOrMore(pattern()).optional().describe("HTTP paths: * within one part, ** for any number of parts."),
    command: oneOrMore(pattern()).optional().describe("Programs of wrapped shell commands."),
    branch: oneOrMore(pattern()).optional().describe("Branch of the run: release/*, main."),
    environment: oneOrMore(pattern()).optional().describe("GitHub environment of the job."),
    event: oneOrMore(pattern()).optional().describe("What started the run: push, pull_request, schedule ..."),
    actor: oneOrMore(pattern()).optional().describe("Login of whoever started the run."),
    get any(): z.ZodOptional<z.ZodArray<typeof Match>> {
      return z.array(Match).min(1).max(LIST_MAX).optional().describe("At least one of these matches.");
    },
    get all(): z.ZodOptional<z.ZodArray<typeof Match>> {
      return z.array(Match).min(1).max(LIST_MAX).optional().describe("Every one of these matches.");
    },
    get not(): z.ZodOptional<typeof Match> {
      return Match.optional().describe("This does not match. What is uncertain stays uncertain.");
    },
    when: z
      .string()
      .min(1)
      .max(2000)
      .optional()
      .describe("A CEL expression over the same facts. Not enforced yet: start-up stops."),
  })
  .meta({ id: "match", description: "All keys that are given must fit." });

const login = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$/, "write a GitHub login, without @");
const team = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,100}(?:\/[A-Za-z0-9._-]{1,100})?$/, "write a team's slug: dba, or organisation/dba");

const Approval = z
  .strictObject({
    from: z
      .strictObject({
        teams: z.array(team).max(LIST_MAX).optional().describe("Slugs of GitHub teams whose members may answer."),
        users: z.array(login).max(LIST_MAX).optional().describe("Logins of people who may answer."),
      })
      .optional()
      .describe("Who may answer; whoever has write permission where this names nobody."),
    count: z.int().min(1).max(10).optional().describe("Distinct people who must approve. Default 1."),
    expires: duration(EXPIRES_MS).optional().describe("How long it waits before it is refused: 30m. Default 30m."),
    via: z
      .array(z.enum(["check", "review", "comment"]))
      .min(1)
      .max(3)
      .optional()
      .describe("Where people may answer. Default: all three."),
  })
  .meta({ id: "approval", description: "Who answers a hold, and how." });

const RuleShape = z
  .strictObject({
    name: name().describe("The rule's name, shown to whoever it stops."),
    match: Match,
    decide: z.enum(["allow", "hold", "deny"]).describe("allow, hold (wait for people) or deny."),
    message: z
      .string()
      .min(1)
      .max(MESSAGE_CHARS_MAX)
      .refine(isPlain, "write one line, without control or unseen characters")
      .optional()
      .describe("Shown to the person whose command was stopped: say what to do instead."),
    approval: Approval.optional(),
  })
  .meta({ id: "rule" });

const Target = z
  .strictObject({
    protocol: name().describe("What it speaks: postgres."),
    guard: z
      .enum(["none", "read-only"])
      .optional()
      .describe("read-only: sessions are opened read-only at the server, and lifted for released writes alone."),
    sync: z.boolean().optional().describe("true: fdatasync before a command's bytes move. For durable disks."),
    record: z
      .strictObject({
        response: z
          .string()
          .regex(SIZE, "write a whole number and a unit: 512B, 64KiB or 1MiB")
          .refine((text) => !(sizeBytes(text) > RECORD_BYTES_MAX), `at most ${RECORD_BYTES_MAX / 1024 / 1024}MiB`)
          .optional()
          .describe("Most bytes of one response whose values are kept in the record: 64KiB. 0B keeps none."),
      })
      .optional()
      .describe("What is kept of this target's responses."),
  })
  .meta({ id: "target" });

const column = z
  .string()
  .max(PATTERN_CHARS_MAX)
  .regex(
    /^(?:[^.\s]+\.){1,2}[^.\s]+$/u,
    'write table.column or schema.table.column; * stands for any characters, so a column of every table is "*.email"',
  )
  .refine((text) => isPlain(text) && !text.includes("**"), "use a single * in a part");
const as = z
  .enum(["redact", "partial", "hash", "tokenise"])
  .describe(
    "redact: nothing is shown. partial: a hint of it. hash, tokenise: the same value looks the same in a session.",
  );
const columns = listOf(column).describe('Columns whose values are masked: users.email, "*.ssn".');

const Masking = z
  .union([
    z.strictObject({ columns, as }),
    z.strictObject({
      detect: listOf(z.enum(["email", "payment-card", "iban", "secrets"])).describe(
        "Kinds of values masked wherever they stand. Not enforced yet: start-up stops.",
      ),
    }),
    z.strictObject({
      deliver: listOf(z.strictObject({ columns, as })).describe(
        "Columns masked in what the job itself receives. Not enforced yet: start-up stops.",
      ),
    }),
  ])
  .meta({ id: "masking" });

/** The whole file. */
export const PolicyShape = z
  .strictObject({
    version: z.literal(1).describe("1: the version of this format."),
    targets: z
      .record(name(), Target)
      .describe("The systems behind the gateway, each by a name of your choice.")
      .refine((targets) => Object.keys(targets).length >= 1, "name at least one target")
      .refine((targets) => Object.keys(targets).length <= TARGETS_MAX, `at most ${TARGETS_MAX} targets`),
    rules: z
      .array(RuleShape)
      .min(1)
      .max(RULES_MAX)
      .describe("The strictest rule that matches decides, whatever the order. What no rule matches is denied."),
    masking: z.array(Masking).max(LIST_MAX).optional().describe("What the record must not hold."),
    retention: z
      .strictObject({ class: name().describe("Name of the class, such as soc2.") })
      .optional()
      .describe("The class that the evidence of these sessions is kept under."),
    limits: z
      .strictObject({
        "hold-in-transaction": duration(HOLD_IN_TRANSACTION_MS)
          .optional()
          .describe(
            "Longest wait of a hold inside an open transaction, where it keeps the target's locks. Default 60s.",
          ),
      })
      .optional()
      .describe("Bounds of this policy."),
  })
  .meta({ title: "countersign.yml", description: "Policy of the countersign gateway." });

export type PolicyData = z.infer<typeof PolicyShape>;
export type MatchData = z.infer<typeof Match>;

/** JSON Schema (2020-12) of the policy file, for editors. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(PolicyShape, { io: "input" });
}
