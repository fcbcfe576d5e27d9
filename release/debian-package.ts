// The Debian package: both trackers as services, which the administrator enables.

import { gzipSync } from "node:zlib";
import { version } from "../package.json" with { type: "json" };
import { printConfig } from "../src/app/config-print.ts";
import type { DebianPackage } from "./archives/deb.ts";
import type { ArchiveFile } from "./archives/file.ts";
import { listManPages, listUnits, readRelease, readRepository, textFile } from "./files.ts";
import { type Program, trackers } from "./programs.ts";
import { completeForBash, completeForFish, completeForZsh } from "./texts/completions.ts";
import { makeNotices } from "./texts/notices.ts";

/** There is no address for all who build packages: `.invalid` reaches nobody (RFC 2606). */
export const DEFAULT_MAINTAINER = "The aquatic authors <maintainers@aquatic.invalid>";

/** What Debian's tools read as one person, such as "A B <ab@example.org>". */
const MAINTAINER = /^[^\s<>,][^<>,\n]* <[^\s<>,@]+@[^\s<>,@]+>$/;

export interface PackageOptions {
  readonly architecture: "amd64" | "arm64";
  /** A name and an address in angle brackets. */
  readonly maintainer: string;
  /** Those of the archive. */
  readonly executables: readonly ArchiveFile[];
  /** The packages that are compiled into them. */
  readonly packages: readonly string[];
  /** The time of the release. */
  readonly seconds: number;
}

export function describePackage(options: PackageOptions): DebianPackage {
  const { architecture, maintainer, executables, seconds } = options;
  return {
    fields: {
      Package: "aquatic",
      Version: version,
      Architecture: architecture,
      Maintainer: maintainer,
      Section: "net",
      Priority: "optional",
      Depends: "adduser, libc6 (>= 2.17), init-system-helpers (>= 1.51)",
      Description: readRelease("debian/description").trimEnd(),
    },
    scripts: {
      postinst: readRelease("debian/postinst"),
      postrm: readRelease("debian/postrm"),
      prerm: readRelease("debian/prerm"),
    },
    files: [
      ...trackers.flatMap((program) => listTrackerFiles(program, executables)),
      ...listManPages(seconds, "usr/share/man/man1", trackers).map(compress),
      ...listUnits("usr/lib/systemd/system", "/usr/bin"),
      ...listDocuments(options),
      textFile("usr/share/lintian/overrides/aquatic", readRelease("debian/lintian-overrides")),
    ].toSorted((a, b) => (a.path < b.path ? -1 : 1)),
  };
}

/** Throws unless the text is a maintainer, see `PackageOptions`. */
export function checkMaintainer(text: string): void {
  if (!MAINTAINER.test(text)) throw new Error(`not a "Name <address>": ${text}`);
}

// ---------------------------------------------------------------------------------------------

function listTrackerFiles(program: Program, executables: readonly ArchiveFile[]): ArchiveFile[] {
  const { name } = program;
  const executable = executables.find(({ path }) => path === `bin/${name}`)!;
  return [
    { ...executable, path: `usr/bin/${name}` },
    textFile(`etc/aquatic/${name.replace("aquatic-", "")}.toml`, configureService(program)),
    textFile(`usr/share/bash-completion/completions/${name}`, completeForBash(program)),
    textFile(`usr/share/zsh/vendor-completions/_${name}`, completeForZsh(program)),
    textFile(`usr/share/fish/vendor_completions.d/${name}.fish`, completeForFish(program)),
  ];
}

/** The defaults, but reachable: a service is enabled for others. */
function configureService({ schema }: Program): string {
  const own = "\naddress = '127.0.0.1:3000'\n";
  const text = printConfig(schema);
  if (!text.includes(own)) throw new Error("no such line in the configuration: address");
  return text.replace(own, "\naddress = ['0.0.0.0:3000', '[::]:3000']\n");
}

function listDocuments({ maintainer, packages, seconds }: PackageOptions): ArchiveFile[] {
  const directory = "usr/share/doc/aquatic";
  const date = new Date(seconds * 1000).toUTCString().replace("GMT", "+0000");
  const changelog =
    `aquatic (${version}) stable; urgency=medium\n\n` +
    `  * See CHANGELOG.md.\n\n -- ${maintainer}  ${date}\n`;
  const copyright = `${readRelease("debian/copyright").trimEnd()}\n\n${makeNotices(packages)}`;
  return [
    textFile(`${directory}/copyright`, copyright),
    compress(textFile(`${directory}/changelog`, changelog)),
    compress(textFile(`${directory}/CHANGELOG.md`, readRepository("CHANGELOG.md"))),
    compress(textFile(`${directory}/aquatic-udp.md`, readRepository("src/udp/README.md"))),
    compress(textFile(`${directory}/aquatic-ws.md`, readRepository("src/ws/README.md"))),
  ];
}

function compress({ path, data }: ArchiveFile): ArchiveFile {
  return { path: `${path}.gz`, data: gzipSync(data, { level: 9 }) };
}
