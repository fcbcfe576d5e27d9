// The READMEs show the configuration as it is.

import { expect, test } from "bun:test";
import { printConfig } from "../src/app/config-print.ts";
import { udpSchema } from "../src/udp/config.ts";
import { wsSchema } from "../src/ws/config.ts";

test.each([
  ["udp", udpSchema],
  ["ws", wsSchema],
])("src/%s/README.md shows the configuration that -p prints", async (directory, schema) => {
  const readme = await Bun.file(`${import.meta.dir}/../src/${directory}/README.md`).text();
  expect(readme).toContain(`\`\`\`toml\n${printConfig(schema)}\`\`\`\n`);
});
