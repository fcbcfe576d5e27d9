// Makes the notices of third parties: the packages that the compiler put into the programs, as its
// record of the build lists them, and Bun.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const repository = resolve(import.meta.dir, "../..");

/** The packages among the files of a build, which are paths relative to the repository. */
export function listPackages(inputs: readonly string[]): string[] {
  const names = inputs.flatMap((path) => {
    const match = /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path);
    return match === null ? [] : [match[1]];
  });
  return [...new Set(names)].toSorted();
}

/** Markdown: each package with its license, then Bun's components. */
export function makeNotices(packages: readonly string[]): string {
  const parts = packages.map((name) => {
    const directory = join(repository, "node_modules", name);
    const { version, license } = JSON.parse(readText(join(directory, "package.json")));
    const text = readText(join(directory, "LICENSE"));
    return `## ${name} ${version}\n\n${license}\n\n\`\`\`\n${text.trim()}\n\`\`\`\n`;
  });
  const bun = readText(join(import.meta.dir, "../files/bun-notices.md"));
  const title =
    "# Third-party notices\n\nThe executables of aquatic contain the following software.\n";
  return [title, ...parts, bun.replace("VERSION", Bun.version)].join("\n");
}

function readText(path: string): string {
  return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
}
