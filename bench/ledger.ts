// What keeping evidence costs: sealing one more session into a branch that has many, verifying all, and how git grows.
//
//   node bench/ledger.ts [SESSIONS]     (npm run bench runs it with 10,000, or 1,000 with --quick)

import { makeLarge, packedBytesEach, sealMore, verifyLarge } from "../test/scale/measure.ts";
import { spread, table } from "./table.ts";

/** Sealings that are timed. */
const TIMES = 20;

export interface LedgerFigures {
  readonly sessions: number;
  readonly sealMs: { readonly median: number; readonly min: number; readonly max: number };
  readonly looseKilobytes: number;
  readonly packedKilobytes: number;
  readonly verifySeconds: number;
  readonly verifyMegabytes: number;
}

export async function measureLedger(
  sessions: number,
  progress: (done: number) => void = () => undefined,
): Promise<LedgerFigures> {
  const large = await makeLarge(sessions, progress);
  try {
    const { verdict, seconds, megabytes } = verifyLarge(large);
    if (!verdict.startsWith("verdict: good")) throw new Error(verdict);
    const costs = await sealMore(large, TIMES);
    const loose = spread(costs.map(({ looseBytes }) => looseBytes));
    return {
      sessions,
      sealMs: spread(costs.map(({ ms }) => ms)),
      looseKilobytes: loose.median / 1000,
      packedKilobytes: packedBytesEach(large, sessions + TIMES) / 1000,
      verifySeconds: seconds,
      verifyMegabytes: megabytes,
    };
  } finally {
    large.remove();
  }
}

export function ledgerTable(figures: LedgerFigures): string {
  const { median, min, max } = figures.sealMs;
  return table(
    [`a branch of ${figures.sessions} sessions in one month`, "figure"],
    [
      ["sealing one more, ms", `${median.toFixed(0)} (${min.toFixed(0)}-${max.toFixed(0)})`],
      ["git grows by, kB a session, as it is written", figures.looseKilobytes.toFixed(0)],
      ["git holds, kB a session, packed", figures.packedKilobytes.toFixed(1)],
      ["verifying all of it, s", figures.verifySeconds.toFixed(1)],
      ["verifying all of it, MB", figures.verifyMegabytes.toFixed(0)],
    ],
  );
}

if (import.meta.main) {
  process.stdout.write(`${ledgerTable(await measureLedger(Number(process.argv[2] ?? 10_000)))}\n`);
}
