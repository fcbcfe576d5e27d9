// A small network for the end-to-end tests: hosts in network namespaces of their own, connected by
// veth pairs to a bridge in one more namespace. The network is isolated from the outside in both
// directions.

import { readdirSync } from "node:fs";

export interface Host {
  /** The name for `ip netns exec`. */
  netns: string;
  ipv4: string;
  /** Without brackets. */
  ipv6: string;
}

export interface Network<Name extends string> extends AsyncDisposable {
  hosts: Record<Name, Host>;
}

export function addressOf({ ipv4, ipv6 }: Host, family: "IPv4" | "IPv6"): string {
  return family === "IPv4" ? ipv4 : ipv6;
}

const PREFIX = "aquatic";
let networkCount = 0;
const ownNames = new Set<string>();
process.on("exit", () => removeNamespaces([...ownNames]));

/**
 * Builds a network with one host for each name. Needs root and `ip`. Throws with the output of
 * `ip`. Disposing the network kills all processes inside and removes it.
 *
 * The IPv6 prefix is the documentation prefix, because Transmission considers only 2000::/3 usable.
 */
export function createNetwork<Name extends string>(names: readonly Name[]): Network<Name> {
  removeStale();
  const stem = `${PREFIX}-${process.pid}-${networkCount++}`;
  const hub = `${stem}-hub`;
  const hosts = {} as Record<Name, Host>;
  names.forEach((name, index) => {
    const low = index + 1;
    const ipv4 = `10.77.${low >> 8}.${low & 255}`;
    hosts[name] = { netns: `${stem}-${name}`, ipv4, ipv6: `2001:db8:77::${low.toString(16)}` };
  });
  // Permanent entries. The entries that ARP and NDP create share a small table of the system, which
  // a hundred hosts overflow; packets are lost then.
  const neighbours = [GATEWAY, ...Object.values<Host>(hosts)].flatMap(({ ipv4, ipv6 }, index) =>
    [ipv4, ipv6].map((ip) => `neigh add ${ip} lladdr ${macOf(index)} dev eth0 nud permanent`),
  );
  const created = [hub, ...names.map((name) => hosts[name].netns)];
  for (const netns of created) ownNames.add(netns);
  try {
    for (const netns of created) addNamespace(netns);
    batch(hub, [
      "link set lo up",
      "link add hub type bridge stp_state 0 mcast_snooping 0",
      "link set hub addrgenmode none up",
      ...names.flatMap((name, index) => [
        `link add port${index} type veth peer name eth0 address ${macOf(index + 1)} netns ${hosts[name].netns}`,
        `link set port${index} master hub addrgenmode none up`,
      ]),
    ]);
    for (const name of names) addAddresses(hosts[name], neighbours);
  } catch (error) {
    removeNamespaces(created);
    throw error;
  }
  return {
    hosts,
    async [Symbol.asyncDispose]() {
      removeNamespaces(created);
    },
  };
}

function addNamespace(netns: string): void {
  run(["ip", "netns", "add", netns]);
}

/**
 * The address of a default gateway: clients choose their source address by the route to a public
 * one.
 */
const GATEWAY = { ipv4: "10.77.255.254", ipv6: "2001:db8:77::ffff" };

function macOf(index: number): string {
  return `02:00:00:00:${(index >> 8).toString(16)}:${(index & 255).toString(16)}`;
}

function addAddresses({ netns, ipv4, ipv6 }: Host, neighbours: string[]): void {
  batch(netns, [
    "link set lo up",
    "link set eth0 addrgenmode none up",
    `addr add ${ipv4}/16 dev eth0`,
    `addr add ${ipv6}/64 dev eth0 nodad`,
    ...neighbours,
    `route add default via ${GATEWAY.ipv4}`,
    `route add default via ${GATEWAY.ipv6}`,
  ]);
}

/** Namespaces of test processes that were killed before they could clean up. */
function removeStale(): void {
  const stale = listNamespaces().filter((netns) => {
    const pid = netns.match(new RegExp(`^${PREFIX}-(\\d+)-`))?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  });
  removeNamespaces(stale);
}

function removeNamespaces(names: string[]): void {
  const existing = new Set(listNamespaces());
  for (const netns of names) {
    ownNames.delete(netns);
    if (!existing.has(netns)) continue;
    const pids = Bun.spawnSync(["ip", "netns", "pids", netns]).stdout.toString();
    for (const pid of pids.split("\n").filter(Boolean)) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It ended on its own in between.
      }
    }
    Bun.spawnSync(["ip", "netns", "del", netns]);
  }
}

function listNamespaces(): string[] {
  try {
    return readdirSync("/run/netns");
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Runs several `ip` commands inside a namespace in one process. */
function batch(netns: string, lines: string[]): void {
  run(["ip", "-n", netns, "-batch", "-"], lines.join("\n") + "\n");
}

function run(argv: string[], input = ""): void {
  const result = Bun.spawnSync(argv, { stdin: Buffer.from(input) });
  if (result.exitCode !== 0) {
    throw new Error(`${argv.join(" ")}: ${result.stderr.toString().trim()}\n${input}`);
  }
}
