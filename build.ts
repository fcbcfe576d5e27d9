// Compiles the trackers and their load testers into standalone executables, for this system or another:
// `bun run build [--target=bun-linux-arm64 …]`. They go to dist/, and need neither this repository
// nor an installed Bun.

import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { target: { type: "string" }, outdir: { type: "string", default: "dist" } },
});

// A worker is found in the executable by its path below `root`, and only as an entry point.
const programs = [
  {
    name: "aquatic-udp",
    root: "src",
    entrypoints: ["src/udp.ts", "src/udp/socket-worker.ts", "src/udp/request-worker.ts"],
  },
  {
    name: "aquatic-ws",
    root: "src",
    entrypoints: ["src/ws.ts", "src/ws/socket-worker.ts"],
  },
  {
    name: "aquatic-udp-load-test",
    root: "bench/load",
    entrypoints: ["bench/load/udp.ts", "bench/load/udp/load-worker.ts"],
  },
  {
    name: "aquatic-ws-load-test",
    root: "bench/load",
    entrypoints: ["bench/load/ws.ts", "bench/load/ws/load-worker.ts"],
  },
];

for (const { name, root, entrypoints } of programs) {
  const target = values.target as Bun.Build.CompileTarget | undefined;
  const { logs, success } = await Bun.build({
    entrypoints,
    root,
    minify: { syntax: true, whitespace: true, identifiers: false },
    compile: {
      outfile: `${values.outdir}/${name}`,
      ...(target === undefined ? {} : { target }),
    },
  });
  for (const message of logs) console.error(message);
  if (!success) process.exit(1);
}
