import { expect, test } from "bun:test";
import { parseConfig } from "../../src/app/config.ts";
import { checkCluster, clusterSection, describeServer } from "../../src/cluster/config.ts";

const schema = { cluster: clusterSection };

function read(lines: string) {
  const config = parseConfig(schema, `[cluster]\n${lines}`, "file");
  checkCluster(config.cluster);
  return config.cluster;
}

test("a cluster needs a secret, and nothing else", () => {
  expect(() => read("")).not.toThrow();
  const { name, servers } = read("servers = 'redis://host'\nsecret = '0123456789abcdef'");
  expect({ name, servers }).toEqual({ name: "aquatic", servers: ["redis://host"] });
});

const WRONG: [lines: string, message: string][] = [
  ["servers = 'redis://host'", "cluster.secret: must have at least 16 characters"],
  ["servers = 'http://host'", "cluster.servers: must be a URL such as"],
  ["servers = 'host:6379'", "cluster.servers: must be a URL such as"],
  ["servers = 'redis://'", "cluster.servers: must be a URL such as"],
  ["servers = 'redis://host:99999'", "cluster.servers: must be a URL such as"],
  ["servers = ['redis://a:hidden@h', 'redis://b:hidden@h']", "contains 'redis://h' twice"],
  ["name = 'a b'", "cluster.name: must be 1 to 64 letters, digits"],
  ["node = '*'", "cluster.node: must be 1 to 64 letters, digits"],
];

test.each(WRONG)("%s is refused, and no password is shown", (lines, message) => {
  let shown = "";
  try {
    read(lines);
  } catch (error) {
    shown = (error as Error).message;
  }
  expect(shown).toContain(message);
  expect(shown).not.toContain("hidden");
});

test("a server is shown without its user and password", () => {
  expect(describeServer("valkeys://user:password@[::1]:7000/3")).toBe("valkeys://[::1]:7000");
});
