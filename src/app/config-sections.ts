// The parts of the configuration that both trackers share.

import { boolean, integer, string, strings, type Schema } from "./config-field.ts";
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

export const statisticsSection = {
  interval: integer({
    value: 5,
    min: 0,
    max: 86400,
    isLive: true,
    prose: `Seconds between statistics reports on standard output. 0 disables them.`,
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
