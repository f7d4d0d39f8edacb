// Builds the page into ../static: one script, one style sheet, and what is copied as it is.
//
//   node build.mjs [--watch] [--out DIR]

import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { values: asked } = parseArgs({
  options: { watch: { type: "boolean", default: false }, out: { type: "string" } },
});
const out = asked.out ?? join(here, "..", "static");

await mkdir(out, { recursive: true });
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(join(here, "src", name), join(out, name));
}
const options = {
  absWorkingDir: here,
  entryPoints: { main: "src/main.tsx", style: "src/style/style.css" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome110", "firefox121", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
};
if (asked.watch) await (await esbuild.context(options)).watch();
else await esbuild.build(options);
