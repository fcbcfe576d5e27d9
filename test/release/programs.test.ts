// The list from which man pages and completions are made says what the programs say of themselves.

import { expect, test } from "bun:test";
import { stripVTControlCharacters } from "node:util";
import { resolve } from "node:path";
import { programs, trackers } from "../../release/programs.ts";

test.each(programs.map((program) => [program.name, program] as const))(
  "%s has the flags and the description that its --help shows",
  async (name, { description, flags, root, entrypoints }) => {
    const file = resolve(import.meta.dir, "../..", entrypoints[0]);
    const child = Bun.spawn([process.execPath, "run", file, "--help"]);
    const help = stripVTControlCharacters(await child.stdout.text());
    expect(await child.exited).toBe(0);
    expect(help).toContain(`${description} (${name} v`);
    const shown: unknown[] = [
      ...help.matchAll(/^ +(?:-(\w), )?--([\w-]+)(?:=<(\w+)>)? +(.*)$/gm),
    ].map(([, alias, flag, valueHint, text]) => ({ flag, alias, valueHint, text }));
    const listed = Object.entries(flags).map(([flag, about]) => ({
      flag,
      alias: about.alias,
      valueHint: about.valueHint,
      text: about.description,
    }));
    expect(shown).toEqual(listed);
    for (const entrypoint of entrypoints) expect(entrypoint).toStartWith(`${root}/`);
  },
);

test("the trackers are the programs that can be asked for their health", () => {
  expect(trackers.map(({ name }) => name)).toEqual(["aquatic-udp", "aquatic-ws"]);
  for (const { flags, isTracker } of programs) expect("health" in flags).toBe(isTracker);
});
