// What `--version` prints: the version, and of which build it is. `build.ts` defines AQUATIC_BUILD
// when it compiles a program; run from source, a program does not know its commit.

import { version } from "../../package.json" with { type: "json" };

export { version };

declare const AQUATIC_BUILD: { readonly commit: string; readonly target: string } | undefined;

/** One line: name, version, commit, system and processor, and the version of Bun. */
export function describeVersion(name: string): string {
  const build = typeof AQUATIC_BUILD === "undefined" ? undefined : AQUATIC_BUILD;
  const commit = build?.commit ?? "unknown";
  const target = build?.target ?? `${process.platform}-${process.arch}`;
  return `${name} ${version} (commit ${commit}, ${target}, Bun ${Bun.version})`;
}
