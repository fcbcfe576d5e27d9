// The configuration of a cluster, the same in both trackers.

import { string, strings, type Schema } from "../app/config-field.ts";
import type { Config } from "../app/config.ts";
import { StartupError } from "../app/startup-error.ts";

export type ClusterConfig = Config<typeof clusterSection>;

const PROTOCOLS = ["valkey:", "valkeys:", "redis:", "rediss:"];
const MIN_SECRET_LENGTH = 16;
const NAME = /^[\w.-]{1,64}$/;

export const clusterSection = {
  servers: strings({
    value: [],
    min: 0,
    max: 8,
    isSecret: true,
    normalize: normalizeServer,
    prose: `\
Valkey or Redis servers over which trackers share their swarms, such as
['valkeys://user:password@host:6379']; 'valkeys' is with TLS. Empty: this tracker is alone. Every
batch goes to all of them, so that losing one of several is not noticed. They need not know each
other, and store nothing.`,
  }),
  name: string({
    value: "aquatic",
    check: checkName,
    prose: `\
The name of the cluster: trackers with the same servers and name belong together. aquatic-udp and
aquatic-ws never mix.`,
  }),
  secret: string({
    value: "",
    isSecret: true,
    prose: `\
What only trackers of the cluster know, of at least ${MIN_SECRET_LENGTH} characters. It signs what
they send, and gives all of them the same keys. 'openssl rand -base64 24' makes one.`,
  }),
  node: string({
    value: "",
    check: (text) => text === "" || checkName(text),
    prose: `\
The name of this tracker in the log and in metrics, different in each. Empty: a random one.`,
  }),
} satisfies Schema;

/** Throws a StartupError if the keys of the section do not fit each other. */
export function checkCluster({ secret, servers }: ClusterConfig): void {
  if (servers.length === 0 || secret.length >= MIN_SECRET_LENGTH) return;
  throw new StartupError(
    `cluster.secret: must have at least ${MIN_SECRET_LENGTH} characters if cluster.servers is ` +
      "set; 'openssl rand -base64 24' makes one",
  );
}

/** Whether the tracker belongs to a cluster. */
export function isClustered({ servers }: ClusterConfig): boolean {
  return servers.length > 0;
}

/** A server without its user and password, as it may be shown. */
export function describeServer(url: string): string {
  const { host, protocol } = new URL(url);
  return `${protocol}//${host}`;
}

function checkName(text: string): void {
  if (!NAME.test(text)) throw new RangeError("must be 1 to 64 letters, digits, '.', '_' or '-'");
}

// The URL may contain a password, so no error shows it.
function normalizeServer(text: string): string {
  const url = URL.parse(text);
  if (url === null || !PROTOCOLS.includes(url.protocol) || url.hostname === "") {
    throw new RangeError("must be a URL such as 'valkeys://user:password@host:6379'");
  }
  return `${url.protocol}//${url.host}`;
}
