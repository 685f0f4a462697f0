import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "esbuild";

// Makes dist/: the command line as one CommonJS file, the parser's WASM beside it, and the licences of what is in it.
// The same sources give the same bytes; CI builds again and compares.

const require = createRequire(import.meta.url);
const outdir = "dist";
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir);

const result = await build({
  // The thread of the heads is a file of its own: it needs a tenth of the rest, and is loaded beside it.
  // The App is one too: it is another program, of four times the size. Its database has large files of its own beside it,
  // so that package stays outside and is the only one that is installed with ours.
  entryPoints: { countersign: "src/cli/main.ts", "head-thread": "src/gateway/head-thread.ts", app: "app/entry.ts" },
  external: ["@electric-sql/pglite", "pg-native"],
  outdir,
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  metafile: true,
  legalComments: "none",
  // CommonJS has no import.meta; files are looked for beside the built one.
  define: { "import.meta.url": "importMetaUrl" },
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
});
chmodSync(join(outdir, "countersign.cjs"), 0o755);

const parser = dirname(require.resolve("libpg-query"));
copyFileSync(join(parser, "libpg-query.wasm"), join(outdir, "libpg-query.wasm"));
copyFileSync("app.yml", join(outdir, "app.yml"));
writeFileSync(join(outdir, "LICENSES.txt"), licences(Object.keys(result.metafile.inputs)));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

function licences(inputs: readonly string[]): string {
  const folders = new Set(inputs.flatMap((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  return [...folders]
    .toSorted()
    .map((folder) => {
      // oxlint-disable-next-line typescript/no-unsafe-assignment -- a package of ours, checked by npm
      const manifest: Manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
      const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
      return `${manifest.name} ${manifest.version} (${manifest.license ?? "see below"})\n\n${text}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}
