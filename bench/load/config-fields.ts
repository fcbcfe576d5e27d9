// Kinds of configuration value that only load testers have.

import type { Field } from "../../src/app/config-field.ts";
import { formatSocketAddress, parseSocketAddress } from "../../src/app/socket-address.ts";
import { describeValue } from "../../src/app/toml-value.ts";

/** A number from `min` to `max`, with or without a fraction. */
export function decimal(field: {
  value: number;
  min: number;
  max: number;
  prose: string;
}): Field<number> {
  const { value, min, max, prose } = field;
  return {
    value,
    prose,
    read(given, refuse) {
      const number = typeof given === "bigint" ? Number(given) : given;
      if (typeof number !== "number" || !(number >= min && number <= max)) {
        return refuse(`must be a number from ${min} to ${max}, not ${describeValue(given)}`);
      }
      return number;
    },
  };
}

/** A socket address on this very machine: load is for nobody else. */
export function loopbackAddress(field: { value: string; prose: string }): Field<string> {
  return {
    ...field,
    read(given, refuse) {
      const allowed = "must be '127.x.y.z:port' or '[::1]:port': load goes to this machine only";
      if (typeof given !== "string") return refuse(`${allowed}; not ${describeValue(given)}`);
      try {
        const address = parseSocketAddress(given);
        const isLoopback = address.host === "::1" || address.host.startsWith("127.");
        if (isLoopback && address.port > 0) return formatSocketAddress(address);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
      return refuse(`${allowed}; not ${describeValue(given)}`);
    },
  };
}

/** A WebSocket URL on this very machine: load is for nobody else. */
export function loopbackUrl(field: { value: string; prose: string }): Field<string> {
  return {
    ...field,
    read(given, refuse) {
      const url = typeof given === "string" ? URL.parse(given) : null;
      const host = url?.hostname ?? "";
      const isLoopback = host === "localhost" || host === "[::1]" || /^127\.[\d.]+$/.test(host);
      const isWebSocket = url?.protocol === "ws:" || url?.protocol === "wss:";
      if (typeof given === "string" && isLoopback && isWebSocket) return given;
      return refuse(
        "must be a ws:// or wss:// URL at 127.x.y.z, [::1] or localhost: load goes to this machine " +
          `only; not ${describeValue(given)}`,
      );
    },
  };
}
