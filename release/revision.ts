// What is being built: its commit and the time of that. Where the repository is not at hand, such
// as in a container, the environment tells.

/** The commit in 12 digits, with a plus sign if files differ from it. */
export function readCommit(): string {
  const given = process.env.AQUATIC_COMMIT;
  if (given) return given;
  const commit = git("rev-parse", "--short=12", "HEAD");
  if (commit === undefined) return "unknown";
  return git("status", "--porcelain") === "" ? commit : `${commit}+`;
}

/** Seconds since 1970: when the commit was made. It is the time of all files of a release. */
export function readCommitTime(): number {
  const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? git("log", "-1", "--format=%ct"));
  if (!(seconds > 0)) throw new Error("needs the repository of git, or SOURCE_DATE_EPOCH");
  return seconds;
}

function git(...args: string[]): string | undefined {
  try {
    const { success, stdout } = Bun.spawnSync(["git", ...args], {
      cwd: import.meta.dir,
      stderr: "ignore",
    });
    return success ? stdout.toString().trim() : undefined;
  } catch {
    return undefined;
  }
}
