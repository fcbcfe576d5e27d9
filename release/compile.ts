// Compiles a program into a standalone executable.

import type { Program } from "./programs.ts";
import { readCommit } from "./revision.ts";

export interface CompileOptions {
  /** Another system than this one. */
  readonly bun?: Bun.Build.CompileTarget;
  /** The system's name for `--version`. */
  readonly targetName: string;
  readonly outfile: string;
}

/**
 * Writes the executable and returns the paths of all files that it was made from. Throws with the
 * compiler's messages if it fails.
 */
export async function compile(
  { root, entrypoints }: Program,
  { bun, targetName, outfile }: CompileOptions,
): Promise<string[]> {
  const build = { commit: readCommit(), target: targetName };
  const { metafile } = await Bun.build({
    entrypoints: [...entrypoints],
    root,
    minify: { syntax: true, whitespace: true, identifiers: false },
    define: { AQUATIC_BUILD: JSON.stringify(build) },
    metafile: true,
    compile: { outfile, ...(bun === undefined ? {} : { target: bun }) },
  });
  return Object.keys(metafile!.inputs);
}
