// The systems that a release is built for, and in which archives each gets it.

export interface Target {
  readonly name: string;
  readonly bun: Bun.Build.CompileTarget;
  readonly archives: readonly ("tar.zst" | "tar.gz" | "zip")[];
  /** The end of an executable's name. */
  readonly suffix: "" | ".exe";
  /** Debian's name of the processor, if there is a package. */
  readonly debian?: "amd64" | "arm64";
}

const unix = { archives: ["tar.zst", "tar.gz"], suffix: "" } as const;

// Bun 1.4.5 has one runtime for all x64 processors: "-baseline" gives the same bytes, and makes the
// compiler fetch that runtime even where it runs on the same system.
export const targets: readonly Target[] = [
  { name: "linux-x64", bun: "bun-linux-x64-baseline", debian: "amd64", ...unix },
  { name: "linux-arm64", bun: "bun-linux-arm64", debian: "arm64", ...unix },
  { name: "linux-x64-musl", bun: "bun-linux-x64-musl", ...unix },
  { name: "linux-arm64-musl", bun: "bun-linux-arm64-musl", ...unix },
  { name: "macos-arm64", bun: "bun-darwin-arm64", ...unix },
  { name: "macos-x64", bun: "bun-darwin-x64", ...unix },
  { name: "windows-x64", bun: "bun-windows-x64", archives: ["zip"], suffix: ".exe" },
];
