// Where the messages to a client are counted: by their type, and by the IP version of the client
// behind any trusted proxies.

import { COUNTER, type Counter } from "../app/metrics.ts";
import { isIpv4Mapped } from "./client-address.ts";

/** Counters of the messages of one IP version, by type. */
export interface ResponseCounters {
  readonly announces: Counter;
  readonly scrapes: Counter;
  readonly errors: Counter;
  readonly offers: Counter;
  readonly answers: Counter;
}

const IPV4: ResponseCounters = {
  announces: COUNTER.announces4,
  scrapes: COUNTER.scrapes4,
  errors: COUNTER.errors4,
  offers: COUNTER.offers4,
  answers: COUNTER.answers4,
};

const IPV6: ResponseCounters = {
  announces: COUNTER.announces6,
  scrapes: COUNTER.scrapes6,
  errors: COUNTER.errors6,
  offers: COUNTER.offers6,
  answers: COUNTER.answers6,
};

/** Returns the counters of a client whose address has these words, see readAddressWords. */
export function responseCounters(address: Int32Array): ResponseCounters {
  return isIpv4Mapped(address) ? IPV4 : IPV6;
}
