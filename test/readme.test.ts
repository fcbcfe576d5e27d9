// The README shows the configuration as it is.

import { expect, test } from "bun:test";
import { printConfig } from "../src/app/config-print.ts";
import { udpSchema } from "../src/udp/config.ts";

test("the README's configuration is what -p prints", async () => {
  const readme = await Bun.file(`${import.meta.dir}/../README.md`).text();
  expect(readme).toContain(`\`\`\`toml\n${printConfig(udpSchema)}\`\`\`\n`);
});
