// The job that a gateway under test runs for: waits until it is told to end.
//
//   node keep-alive.mjs FILE       ends with the code in FILE as soon as that file is there

import { existsSync, readFileSync } from "node:fs";

const file = process.argv[2];
if (file === undefined) throw new Error("keep-alive.mjs needs the name of the file that will tell it to end");

const parent = process.ppid;
setInterval(() => {
  if (existsSync(file)) process.exit(Number(readFileSync(file, "utf8")));
  // Killed gateways cannot tell anybody anything; their orphans leave by themselves.
  if (process.ppid !== parent) process.exit(0);
}, 25);
