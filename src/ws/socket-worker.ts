// A socket worker: listens, reports that to the main thread, and serves until it is asked to stop.

import { isDualStack } from "../app/address-claim.ts";
import { awaitServing, CONTROL } from "../app/control.ts";
import { Counters } from "../app/counters.ts";
import { Pulse } from "../app/pulse.ts";
import { StartupError } from "../app/startup-error.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { readClock } from "../memory/clock.ts";
import { ClientAddresses } from "./client-address.ts";
import { openBackend } from "./event-loop.ts";
import { AllowedOrigins } from "./origin.ts";
import type { Reload, ReloadAnswer } from "./reload.ts";
import { type Bound, createSocketWorker, type SocketWorkerSetup } from "./setup.ts";
import { lengthenBacklogs } from "./socket/backlog.ts";
import { Listeners } from "./socket/listeners.ts";

const TICK_MILLISECONDS = 1000;

serveWorker<SocketWorkerSetup, Bound>(async (setup) => {
  const { cleaning, network } = setup.config;
  const control = new Int32Array(setup.control);
  const worker = createSocketWorker(setup);
  const pulse = new Pulse(new Counters(setup.counters, setup.worker));
  const settings = {
    ipv6Only: !isDualStack(setup.addresses),
    addresses: new ClientAddresses(network),
    origins: new AllowedOrigins(setup.config.access_list.allowed_origins),
    maxMessageBytes: network.max_message_size,
    maxAge: cleaning.max_connection_age,
    acceptCompressed: network.accept_compressed,
    compress: network.compress_responses,
  };
  const { listen, serve } = openBackend(setup, control, worker);
  const listeners = new Listeners(setup.addresses, (address, certificate, predecessor) =>
    listen(address, { ...settings, certificate }, worker.inbox, worker.incoming, predecessor),
  );
  listeners.prepare(setup.certificate);
  listeners.commit();
  lengthenBacklogs();

  return {
    ready: { ports: listeners.ports },
    answer: (question) => reload(listeners, question as Reload),
    async serve() {
      awaitServing(control);
      setInterval(() => {
        worker.heartbeat.tick();
        pulse.beat(readClock(control, CONTROL.clock));
      }, TICK_MILLISECONDS);
      await serve();
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
