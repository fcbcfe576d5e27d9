// Compiles the trackers into standalone executables: `bun run build [--target=bun-linux-arm64 …]`.
// They go to dist/, and need neither this repository nor an installed Bun.

import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { target: { type: "string" }, outdir: { type: "string", default: "dist" } },
});

// A worker is found in the executable by its path below `root`, and only as an entry point.
const result = await Bun.build({
  entrypoints: ["src/udp.ts", "src/udp/socket-worker.ts", "src/udp/request-worker.ts"],
  root: "src",
  minify: { syntax: true, whitespace: true, identifiers: false },
  compile: {
    outfile: `${values.outdir}/aquatic-udp`,
    ...(values.target === undefined ? {} : { target: values.target as Bun.Build.CompileTarget }),
  },
});
for (const message of result.logs) console.error(message);
process.exitCode = result.success ? 0 : 1;
