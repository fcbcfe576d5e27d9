// The parts of the configuration that both trackers share.

import { boolean, choice, integer, string, strings, type Schema } from "./config-field.ts";
import { LOG_LEVELS } from "./log.ts";
import { formatSocketAddress, parseSocketAddress } from "./socket-address.ts";

export const addressField = strings({
  value: ["127.0.0.1:3000"],
  max: 16,
  normalize: (text) => formatSocketAddress(parseSocketAddress(text)),
  prose: `\
Listening address, 'IPv4:port' or '[IPv6]:port', or an array of up to 16 of them, such as
['0.0.0.0:3000', '[::]:3000']. Port 0 means any free port. An IPv6 socket accepts IPv6 clients
only, but a single '[::]:port' accepts IPv4 clients as well.`,
});

export const logLevelField = choice({
  value: "info",
  among: LOG_LEVELS,
  isLive: true,
  prose: `\
What is logged on standard error: 'error', also 'warn', or also 'info'. Single packets and
messages never are.`,
});

export const statisticsSection = {
  interval: integer({
    value: 5,
    min: 0,
    max: 86400,
    isLive: true,
    prose: `\
Seconds between statistics reports on standard output. 0 disables them. On a terminal, they are
one line that is updated every second.`,
  }),
  http_address: string({
    value: "",
    check(text) {
      if (text !== "") parseSocketAddress(text);
    },
    prose: `\
Address of the operator's pages over HTTP, such as '127.0.0.1:9000'; empty for none. / shows the
tracker at work, /metrics is for Prometheus. Keep it private: the pages have no password.`,
  }),
  http_hosts: strings({
    value: [],
    min: 0,
    max: 16,
    normalize: normalizeHost,
    prose: `\
Host names under which browsers may open these pages, besides localhost and IP addresses. Other
names are refused, so that no web page can reach them through a name of its own.`,
  }),
} satisfies Schema;

export const accessListSection = {
  mode: choice({
    value: "off",
    among: ["off", "allow", "deny"],
    isLive: true,
    prose: `\
Which torrents are served: with 'allow' those in the list, with 'deny' all others. For any other
torrent, clients get an error, and its peers are removed at the next cleaning pass.`,
  }),
  path: string({
    value: "",
    isLive: true,
    prose: `\
The file with the list: an info hash of 40 hexadecimal digits on each line, and comments from '#'
on. At most 16 million; each takes 32 bytes of memory. Read again at SIGHUP and SIGUSR1.`,
  }),
} satisfies Schema;

export const persistenceSection = {
  path: string({
    value: "",
    prose: `\
A directory in which swarms survive a restart, such as '/var/lib/aquatic'; empty for none. It
must exist, be writable for the tracker's user, and be of this tracker alone.`,
  }),
  interval: integer({
    value: 300,
    min: 0,
    max: 86400,
    isLive: true,
    prose: `\
Seconds between snapshots of all swarms. The tracker writes another one when it stops; with 0,
only that one.`,
  }),
  handover: boolean({
    value: false,
    prose: `\
Take over from a tracker that still runs with this directory: it writes a snapshot, both share the
port for a moment, and it stops once this one serves. Without it, the second one does not start.`,
  }),
  compress: boolean({
    value: false,
    prose: `Compress snapshots with zstd. Without it, an IPv4 peer takes 8 bytes, an IPv6 peer 20.`,
  }),
} satisfies Schema;

export const privilegesSection = {
  drop_privileges: boolean({
    value: false,
    prose: `\
Change the root directory and the user once every socket is bound. The tracker must be started
as root. If any step fails, the tracker exits.`,
  }),
  chroot_path: string({
    value: ".",
    prose: `The new root directory. '.' means the directory that the tracker was started in.`,
  }),
  user: string({
    value: "nobody",
    prose: `The user to become, together with the groups of that user.`,
  }),
} satisfies Schema;

function normalizeHost(text: string): string {
  if (/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(text)) return text.toLowerCase();
  throw new RangeError(`must be a host name, not '${text}'`);
}
