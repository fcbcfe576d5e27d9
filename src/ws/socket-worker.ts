// A socket worker: listens, says so to the main thread, and serves until it is told to stop. A new
// certificate means new listeners: those before stop listening, and their connections live on.

import { isDualStack } from "../app/address-claim.ts";
import { awaitServing, CONTROL, doorbellWord } from "../app/control.ts";
import type { SocketAddress } from "../app/socket-address.ts";
import { serveWorker } from "../app/worker.ts";
import { awaitDoorbell } from "../memory/doorbell.ts";
import { bindError } from "../app/bind-error.ts";
import { lengthenBacklogs } from "./backlog.ts";
import { ClientAddresses } from "./client-address.ts";
import { listen } from "./listener.ts";
import { type Bound, createClients, type Reload, type SocketWorkerSetup } from "./setup.ts";
import type { Certificate } from "./tls.ts";

const TICK_MILLISECONDS = 1000;

serveWorker<SocketWorkerSetup, Bound>(async (setup) => {
  const { cleaning, network } = setup.config;
  const control = new Int32Array(setup.control);
  const clients = createClients(setup);

  const listenAll = (addresses: readonly SocketAddress[], certificate: Certificate | undefined) => {
    const listeners = addresses.map((address) => {
      try {
        return listen(address, { ...settings, certificate }, clients);
      } catch (error) {
        throw bindError(address, error);
      }
    });
    lengthenBacklogs();
    return listeners;
  };
  const settings = {
    ipv6Only: !isDualStack(setup.addresses),

    addresses: new ClientAddresses(network),
    maxMessageBytes: network.max_message_size,
    idleTimeout: cleaning.max_connection_age,
    compress: network.compress_responses,
  };

  let listeners = listenAll(setup.addresses, setup.certificate);
  const ports = listeners.map(({ port }) => port!);
  const addresses = setup.addresses.map((address, index) => ({ ...address, port: ports[index] }));

  return {
    ready: { ports },
    receive(message) {
      const { certificate } = message as Reload;
      try {
        const renewed = listenAll(addresses, certificate);
        for (const listener of listeners) void listener.stop(false);
        listeners = renewed;
        return undefined;
      } catch (error) {
        return `keeps its certificate: ${(error as Error).message}`;
      }
    },
    async serve() {
      awaitServing(control);

      setInterval(() => clients.tick(), TICK_MILLISECONDS);
      const isStopping = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
      while (!isStopping()) await awaitDoorbell(control, doorbellWord(setup.worker), isStopping);
      for (const listener of listeners) void listener.stop(true);
    },
  };
});
