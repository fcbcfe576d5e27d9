// A file of an archive, as the writers in this folder take it.

export interface ArchiveFile {
  /** With slashes, relative, and without "." or "..". */
  readonly path: string;
  readonly data: Uint8Array;
  readonly isExecutable?: boolean;
}

/** The directories that these files are in, each after its parent. Each path ends with a slash. */
export function listDirectories(files: readonly ArchiveFile[]): string[] {
  const directories = files.flatMap(({ path }) =>
    [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1)),
  );
  return [...new Set(directories)].toSorted();
}
