// Compiles the trackers and their load testers into standalone executables, for this system or
// another: `bun run build [--target=bun-linux-arm64 …]`. They go to dist/, and need neither this
// repository nor an installed Bun. `bun run build --release [--only=linux-x64]` makes the archives
// and packages of a release in dist/release; with `--draft` they are larger, and ready sooner.
// `--maintainer="Name <address>"` goes into the Debian packages.

import { parseArgs } from "node:util";
import { compile } from "./release/compile.ts";
import { DEFAULT_MAINTAINER } from "./release/debian-package.ts";
import { programs } from "./release/programs.ts";
import { makeRelease } from "./release/release.ts";
import { targets } from "./release/targets.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    outdir: { type: "string" },
    release: { type: "boolean", default: false },
    draft: { type: "boolean", default: false },
    maintainer: { type: "string" },
    only: { type: "string", multiple: true },
  },
});

if (values.release) {
  const wanted = targets.filter(({ name }) => values.only?.includes(name) ?? true);
  await makeRelease(wanted, values.outdir ?? "dist/release", {
    effort: values.draft ? "draft" : "release",
    maintainer: values.maintainer || DEFAULT_MAINTAINER,
  });
} else {
  const bun = values.target as Bun.Build.CompileTarget | undefined;
  const targetName = bun?.replace("bun-", "") ?? `${process.platform}-${process.arch}`;
  for (const program of programs) {
    const outfile = `${values.outdir ?? "dist"}/${program.name}`;
    await compile(program, { targetName, outfile, ...(bun === undefined ? {} : { bun }) });
  }
}
