// A socket worker: binds its sockets, reports that to the main thread, and serves until it is asked
// to stop.

import { SocketEnd } from "./channel.ts";
import { isDualStack } from "../app/address-claim.ts";
import { awaitServing, doorbellWord } from "../app/control.ts";
import { Dispatcher } from "./dispatcher.ts";
import { MAX_BATCH } from "./handler.ts";
import { type Bound, channelForSocketWorker, type SocketWorkerSetup, viewSetup } from "./setup.ts";
import { BunBackend } from "./socket/bun-backend.ts";
import { MmsgBackend } from "./socket/mmsg-backend.ts";
import { serveWorker } from "../app/worker-thread.ts";

serveWorker<SocketWorkerSetup, Bound>(async (setup) => {
  const { addresses, config, worker } = setup;
  const { channels, control, counters, handler, refresh } = viewSetup(setup, worker);
  const ends = Array.from({ length: config.request_workers }, (_, requestWorker) => {
    return new SocketEnd(channels, channelForSocketWorker(setup, worker, requestWorker));
  });
  const slots = Math.min(MAX_BATCH, config.network.poll_event_capacity);
  const dispatcher = new Dispatcher(handler, slots, ends, counters);
  const settings = {
    maxQueued: config.network.poll_event_capacity,
    batchWaitMicroseconds: config.network.batch_wait_microseconds,
    doorbell: doorbellWord(worker),
    wakeEvent: setup.wakeEvents[worker] ?? -1,
    channels,
    refresh,
  };
  const Backend = setup.backend === "mmsg" ? MmsgBackend : BunBackend;
  const sockets = new Backend(settings, dispatcher, counters, control);
  await sockets.open(addresses, isDualStack(addresses));
  const wanted = config.network.socket_recv_buffer_size;
  return {
    ready: {
      fds: sockets.fds,
      ports: sockets.ports,
      receiveBuffer: wanted === 0 ? undefined : sockets.setReceiveBuffers(wanted),
    },
    serve() {
      awaitServing(control);
      return sockets.serve();
    },
  };
});
