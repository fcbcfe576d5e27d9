// Carries out a Dockerfile without Docker, as far as docker/Dockerfile goes: the first stage in a
// Debian with npm, and what others copy out of it in directories with nothing else but the C
// library.

import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { copyInto, listLibraries, makeRoot, run } from "./root.ts";

export interface Stage {
  readonly name: string;
  /** Each with its arguments as one text. */
  readonly instructions: readonly (readonly [name: string, text: string])[];
}

export function parseDockerfile(text: string): Stage[] {
  const lines = text
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll("\\\n", " ")
    .split("\n");
  const instructions = lines
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, name, rest] = /^([A-Z]+) +(.*)$/.exec(line)!;
      return [name, rest] as const;
    });
  const stages: { name: string; instructions: (readonly [string, string])[] }[] = [];
  for (const [name, rest] of instructions) {
    if (name === "FROM") stages.push({ name: / AS (\w+)$/.exec(rest)![1], instructions: [] });
    else stages.at(-1)!.instructions.push([name, rest]);
  }
  return stages;
}

/** The text of the only instruction of that name. */
export function findInstruction({ instructions }: Stage, wanted: string): string {
  const [found, ...others] = instructions.filter(([name]) => name === wanted);
  if (found === undefined || others.length > 0) throw new Error(`not one ${wanted}`);
  return found[1];
}

/**
 * Runs a stage in `root`, with files from `context`. `start` gives the command of a shell script.
 */
export function build(
  { instructions }: Stage,
  root: string,
  context: string,
  start: (script: string) => string[],
): void {
  let directory = "/";
  const variables: string[] = [];
  for (const [name, text] of instructions) {
    if (name === "WORKDIR") {
      directory = text;
      mkdirSync(join(root, directory), { recursive: true });
    } else if (name === "ARG") {
      variables.push(text);
    } else if (name === "RUN") {
      run(...start([...variables, `cd ${directory}`, text].join("\n")));
    } else if (name === "COPY") {
      const words = text.split(/ +/);
      const target = resolve(directory, words.at(-1)!);
      for (const source of words.slice(0, -1)) {
        // A directory's files, not itself.
        const path = source === "." ? `${context}/.` : join(context, source);
        run("cp", "-a", path, join(root, target));
      }
    } else {
      throw new Error(`unknown instruction: ${name}`);
    }
  }
}

/**
 * Makes `root` of what a stage copies from the one in `source`, and of the libraries that it needs.
 */
export function assemble({ instructions }: Stage, root: string, source: string): void {
  makeRoot(root, {});
  for (const [name, text] of instructions) {
    if (name !== "COPY") continue;
    const [, from, to] = /^--from=build (\S+) (\S+)$/.exec(text)!;
    mkdirSync(join(root, dirname(to)), { recursive: true });
    run("cp", "-a", join(source, from), join(root, to));
    if (to.startsWith("/usr/bin/")) copyInto(root, listLibraries(join(root, to)));
  }
}
