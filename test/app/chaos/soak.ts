// `npm run soak`: fifty jobs with five hundred held commands behind two instances that are killed all the while; with
// WEATHER_MS, GitHub fails for so long instead.

import { seeded } from "../../seeded.ts";
import { runChaos } from "./chaos.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
process.stdout.write(`seed ${seed}\n`);
const outcome = await runChaos({
  sessions: 50,
  commands: 10,
  trouble: process.env["WEATHER_MS"] === undefined ? "kills" : Number(process.env["WEATHER_MS"]),
  random: seeded(seed),
  say: (line) => void process.stdout.write(`${line}\n`),
});
process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
const faults = [
  ...outcome.unapprovedEffects,
  ...outcome.lostEffects,
  ...outcome.doubled,
  ...outcome.notLandedOnce,
  ...outcome.notCheckedOnce,
  ...outcome.failedSteps,
];
const isGood =
  faults.length === 0 &&
  outcome.approved + outcome.refused === 500 &&
  outcome.verdict.includes("good") &&
  outcome.tooEarly === 0;
process.exit(isGood ? 0 : 1);
