// The link thread of a cluster: tells other nodes what changes here, and puts into the table what
// changes there. See link/link.ts. It sleeps in the runtime's event loop, where the client of the
// servers works.

import { awaitServing, CONTROL, doorbellWord } from "../app/control.ts";
import { Counters } from "../app/counters.ts";
import { Pulse } from "../app/pulse.ts";
import { serveWorker } from "../app/worker-thread.ts";
import { Cluster } from "../cluster/cluster.ts";
import { readClock } from "../memory/clock.ts";
import { awaitDoorbell } from "../memory/doorbell.ts";
import { Link } from "./link/link.ts";
import type { Setup } from "./setup.ts";

/** Milliseconds between two looks for changes, which wake nobody. */
const POLL_MILLISECONDS = 25;
/** Milliseconds for which offers and answers are gathered. */
const RELAY_MILLISECONDS = 4;

serveWorker<Setup, void>(async (setup, tell) => {
  const { cluster: config } = setup.config;
  const control = new Int32Array(setup.control);
  const doorbell = doorbellWord(setup.linkWorker);
  const pulse = new Pulse(new Counters(setup.counters, setup.linkWorker));
  const link = new Link(setup, (events) => {
    const countPeers = events.countPeers.bind(events);
    return new Cluster({ tracker: "ws", cluster: config, tell, countPeers }, events);
  });
  let isFlushDue = false;
  const scheduleRelays = (): void => {
    if (isFlushDue || !link.hasRelays) return;
    isFlushDue = true;
    setTimeout(() => {
      isFlushDue = false;
      link.flushRelays();
    }, RELAY_MILLISECONDS);
  };
  const isStopping = (): boolean => Atomics.load(control, CONTROL.stop) !== 0;
  const hasWork = (): boolean => link.hasMessages || isStopping();

  return {
    ready: undefined,
    // A question to all workers about certificates.
    answer: () => undefined,
    async serve() {
      awaitServing(control);
      link.cluster.start();
      setInterval(() => {
        link.poll(performance.now());
        pulse.beat(readClock(control, CONTROL.clock));
      }, POLL_MILLISECONDS);
      while (!isStopping()) {
        await awaitDoorbell(control, doorbell, hasWork);
        link.receiveFromWorkers();
        scheduleRelays();
      }
      await link.cluster.stop();
    },
  };
});
