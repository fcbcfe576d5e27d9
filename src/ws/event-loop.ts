// How a socket worker waits for work: in the runtime's event loop, or with 'epoll' in a loop of its
// own, which gives the event loop a turn now and then, for timers and messages of the main thread.

import { CONTROL, doorbellWord } from "../app/control.ts";
import { LiveConfigReader } from "../app/live-config.ts";
import { awaitDoorbell, markAsleep, markAwake } from "../memory/doorbell.ts";
import { wsSchema } from "./config.ts";
import type { SocketWorker, SocketWorkerSetup } from "./setup.ts";
import type { Listen } from "./socket/backend.ts";
import { listen as listenBun } from "./socket/bun-backend.ts";
import { listen as listenBytes } from "./socket/bytes-backend.ts";
import { EpollSet } from "./socket/epoll-backend.ts";

/** Milliseconds between two turns of the runtime's event loop. */
const TURN_MILLISECONDS = 10;
/** The same between two looks for sockets whose time is up. */
const TICK_MILLISECONDS = 1000;

/** A backend and the loop that serves it. */
interface OpenBackend {
  readonly listen: Listen;
  /** Serves until the tracker stops. */
  readonly serve: () => Promise<void>;
}

/** Opens the worker's backend. */
export function openBackend(
  setup: SocketWorkerSetup,
  control: Int32Array,
  worker: SocketWorker,
): OpenBackend {
  const doorbell = doorbellWord(setup.worker);
  const live = new LiveConfigReader(wsSchema, setup.config, setup);
  const isStopping = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
  const hasWork = (): boolean => worker.channels.hasMessages || live.isOutdated || isStopping();
  const work = (): void => {
    live.refresh();
    worker.receiveFromWorkers();
  };
  if (setup.backend !== "epoll") {
    return {
      listen: setup.backend === "bun" ? listenBun : listenBytes,
      async serve() {
        while (!isStopping()) {
          await awaitDoorbell(control, doorbell, hasWork);
          work();
        }
      },
    };
  }
  const { poll_event_capacity, poll_timeout_milliseconds } = setup.config.network;
  const set = new EpollSet(poll_event_capacity, setup.wakeEvents[setup.worker]);
  return {
    listen: set.listen.bind(set),
    async serve() {
      setInterval(() => set.tick(), TICK_MILLISECONDS);
      let nextTurn = 0;
      while (!isStopping()) {
        markAsleep(control, doorbell);
        const events = set.wait(hasWork() ? 0 : poll_timeout_milliseconds);
        markAwake(control, doorbell);
        work();
        worker.delivery.flush();
        const now = performance.now();
        if (events > 0 && now < nextTurn) continue;
        nextTurn = now + TURN_MILLISECONDS;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
