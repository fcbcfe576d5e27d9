// A socket worker: listens, says so to the main thread, and serves until it is told to stop.

import { isDualStack } from "../app/address-claim.ts";
import { awaitServing, CONTROL, doorbellWord } from "../app/control.ts";
import { LiveConfigReader } from "../app/live-config.ts";
import { StartupError } from "../app/startup-error.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { awaitDoorbell } from "../memory/doorbell.ts";
import { lengthenBacklogs } from "./backlog.ts";
import { ClientAddresses } from "./client-address.ts";
import { wsSchema } from "./config.ts";
import { listen } from "./listener.ts";
import { Listeners } from "./listeners.ts";
import type { Reload, ReloadAnswer } from "./reload.ts";
import { type Bound, createClients, type SocketWorkerSetup } from "./setup.ts";

const TICK_MILLISECONDS = 1000;

serveWorker<SocketWorkerSetup, Bound>(async (setup) => {
  const { cleaning, network } = setup.config;
  const control = new Int32Array(setup.control);
  const live = new LiveConfigReader(wsSchema, setup.config, setup);
  const clients = createClients(setup);
  const settings = {
    ipv6Only: !isDualStack(setup.addresses),

    addresses: new ClientAddresses(network),
    maxMessageBytes: network.max_message_size,
    maxAge: cleaning.max_connection_age,
    compress: network.compress_responses,
  };
  const listeners = new Listeners(setup.addresses, (address, certificate) =>
    listen(address, { ...settings, certificate }, clients),
  );
  listeners.prepare(setup.certificate);
  listeners.commit();
  lengthenBacklogs();

  return {
    ready: { ports: listeners.ports },
    answer: (question) => reload(listeners, question as Reload),
    async serve() {
      awaitServing(control);

      setInterval(() => clients.tick(), TICK_MILLISECONDS);
      const isStopping = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
      while (!isStopping()) {
        const hasNews = (): boolean => isStopping() || live.isOutdated;
        await awaitDoorbell(control, doorbellWord(setup.worker), hasNews);
        live.refresh();
      }
      listeners.stop();
    },
  };
});

function reload(listeners: Listeners, question: Reload): ReloadAnswer {
  try {
    if (question.step === "prepare") {
      listeners.prepare(question.certificate);
      lengthenBacklogs();
    } else if (question.step === "commit") {
      listeners.commit();
    } else {
      listeners.abort();
    }
    return undefined;
  } catch (error) {
    if (error instanceof StartupError) return error.message;
    throw error;
  }
}
