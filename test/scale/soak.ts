// `npm run soak`: crowds of processes that are killed, and a branch of ten thousand sessions.
//
//   node test/scale/soak.ts [CROWDS] [SESSIONS]

import { crowd } from "../gateway/ledger/crowd.ts";
import { meter } from "../progress.ts";
import { seeded, seedOf } from "../seeded.ts";
import { filesForProof, makeLarge, packedBytesEach, sealMore, verifyLarge } from "./measure.ts";

const CROWD = 50;
const crowds = Number(process.argv[2] ?? 10);
const sessions = Number(process.argv[3] ?? 10_000);
if (![crowds, sessions].every((count) => Number.isInteger(count) && count > 0)) throw new Error("how many?");

const seed = seedOf(process.env);
const chance = seeded(seed);
const faults: string[] = [];
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const hold = (what: string, holds: boolean): void => {
  say(`${holds ? "ok    " : "FAILED"}  ${what}`);
  if (!holds) faults.push(what);
};

say(`SEED=${seed}`);
for (let round = 1; round <= crowds; round += 1) {
  const kind = (["git", "git", "dir", "bundle"] as const)[round % 4] ?? "git";
  // Every fourth one in peace, the others with every second or third process killed.
  const killOneIn = [0, 2, 3, 2][round % 4] ?? 2;
  const { killed, verdict, sealed, wanted, parents, complaints } = await crowd({
    kind,
    count: CROWD,
    killOneIn,
    chance,
  });
  const each = sealed.join() === wanted.join();
  const linear =
    kind !== "git" || (parents.length === CROWD && parents.every((count, at) => count === (at < CROWD - 1 ? 1 : 0)));
  hold(
    `crowd ${round} of ${crowds}: ${CROWD} processes into a ${kind}, ${killed} killed; ${sealed.length} sessions, ${verdict}`,
    each && linear && verdict === "good" && complaints === "",
  );
}

const { tell, end } = meter(process.stderr);
const large = await makeLarge(sessions, (done) => tell(`made ${done} of ${sessions} sessions`));
end();
try {
  const verified = verifyLarge(large);
  const { verdict, seconds, megabytes } = verified;
  hold(verdict, verdict === `verdict: good, ${sessions} sessions`);
  hold(`verified in ${seconds.toFixed(1)} s, of 60`, seconds < 60);
  hold(`verified within ${megabytes.toFixed(0)} MB, of 300`, megabytes < 300);
  let files = 0;
  for (let index = 0; index < sessions; index += 97) files = Math.max(files, await filesForProof(large, index));
  hold(`a proof reads at most ${files} files, of 10`, files <= 10);
  const costs = await sealMore(large, 20);
  const sorted = costs.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const median = sorted[10] ?? Number.NaN;
  hold(`one more session is sealed in ${median.toFixed(0)} ms (median of 20), of 500`, median < 500);
  const after = verifyLarge(large).verdict;
  hold(after, after === `verdict: good, ${sessions + 20} sessions`);
  say(`git: ${(packedBytesEach(large, sessions + 20) / 1000).toFixed(1)} kB a session when packed`);
} finally {
  large.remove();
}
process.exitCode = faults.length === 0 ? 0 : 1;
