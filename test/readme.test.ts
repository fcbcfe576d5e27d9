// The README shows the configuration as it is.

import { expect, test } from "bun:test";
import { printConfig } from "../src/app/config-print.ts";
import { udpSchema } from "../src/udp/config.ts";
import { wsSchema } from "../src/ws/config.ts";

test.each([
  ["aquatic-udp", udpSchema],
  ["aquatic-ws", wsSchema],
])("the README's configuration of %s is what -p prints", async (_name, schema) => {
  const readme = await Bun.file(`${import.meta.dir}/../README.md`).text();
  expect(readme).toContain(`\`\`\`toml\n${printConfig(schema)}\`\`\`\n`);
});
