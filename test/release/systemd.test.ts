// The units of a release: systemd finds nothing to mend in them, and they expose little.

import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { testWith } from "../support/requirements.ts";

const UNITS = resolve(import.meta.dir, "../../release/files");
const directory = mkdtempSync(join(tmpdir(), "aquatic-units-"));
afterAll(() => rmSync(directory, { recursive: true }));

for (const name of ["aquatic-udp", "aquatic-ws"]) {
  await testWith(["systemd-analyze"], `${name}.service is valid and sandboxed`, () => {
    // The executables are not installed on a machine that tests them.
    const unit = readFileSync(join(UNITS, `${name}.service`), "utf8");
    const path = join(directory, `${name}.service`);
    writeFileSync(path, unit.replaceAll(`@bin@/${name}`, "/bin/true"));
    const verified = Bun.spawnSync(["systemd-analyze", "verify", "--man=no", path]);
    expect([verified.exitCode, verified.stderr.toString()]).toEqual([0, ""]);
    const rated = Bun.spawnSync(["systemd-analyze", "security", "--offline=true", path]);
    const rating = /exposure level for \S+: ([\d.]+)/.exec(rated.stdout.toString())?.[1];
    expect(Number(rating)).toBeLessThan(4);
  });
}
