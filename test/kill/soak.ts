// `npm run soak`: kills the gateway at 200 chance moments, or as many as are asked for.
//
//   npm run soak -- [KILLS]

import { meter } from "../progress.ts";
import { killGateways } from "./kill.ts";

const kills = Number(process.argv[2] ?? 200);
if (!Number.isInteger(kills) || kills < 1) throw new Error("how many kills? npm run soak -- 200");

const { tell, end } = meter(process.stderr);
const report = await killGateways(kills, Math.random, (done) => tell(`killed ${done} of ${kills}`));
end();
process.stdout.write(
  `${report.kills} kills: ${report.sent} statements sent, ${report.executed} in the server's log, ${report.released} in journals as released
${report.incomplete} sessions verified as incomplete, ${report.whole} were sealed before the kill
${report.faults.length === 0 ? "nothing ran that was not recorded first" : report.faults.join("\n")}\n`,
);
process.exitCode = report.faults.length === 0 ? 0 : 1;
