// A tracker that is tried by hand: on a terminal, without a configuration.

import { expect } from "bun:test";
import { startChild } from "../support/child.ts";
import { createNetwork } from "../support/netns.ts";
import { testWith } from "../support/requirements.ts";
import { trackerCommand } from "../support/tracker.ts";

// In a network namespace, because the port of the defaults may be taken.
for (const program of ["udp", "ws"] as const) {
  const name = `aquatic-${program} says on a terminal how to serve other machines`;
  await testWith(["network namespaces"], name, async () => {
    await using network = createNetwork(["host"]);
    const { netns } = network.hosts.host;
    const command = trackerCommand(program);
    const onTerminal = { netns, terminal: true };
    await using tracker = startChild(command, onTerminal);
    const hint = await tracker.waitForLine(/to serve other machines: (.*)/);
    const file = `aquatic-${program}.toml`;
    expect(hint[1]).toBe(
      `aquatic-${program} -p > ${file}, set network.address in it, aquatic-${program} -c ${file}`,
    );
    expect(tracker.stdout).toContain("listening on");
    await tracker.stop();

    // An operator with a configuration needs no hint.
    await using configured = startChild([...command, "-c", "/dev/null"], onTerminal);
    await configured.waitForLine(/listening on/);
    await configured.stop();
    expect(configured.stdout).not.toContain("to serve other machines");
  });
}
