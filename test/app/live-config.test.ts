import { expect, test } from "bun:test";
import { integer, string } from "../../src/app/config-field.ts";
import { defaultConfig } from "../../src/app/config.ts";
import { allocateControl } from "../../src/app/control.ts";
import {
  allocateLiveConfig,
  LiveConfigReader,
  LiveConfigWriter,
} from "../../src/app/live-config.ts";

const range = { min: 0, max: 1000, prose: "" };
const schema = {
  workers: integer({ value: 1, ...range }),
  network: { interval: integer({ value: 900, isLive: true, ...range }) },
  limits: {
    rate: integer({ value: 0, isLive: true, ...range }),
    size: integer({ value: 2, isLive: true, ...range }),
    name: string({ value: "a", prose: "" }),
  },
};

function open() {
  const memory = {
    control: allocateControl(1),
    liveConfig: allocateLiveConfig(schema),
  };
  const writer = new LiveConfigWriter(schema, defaultConfig(schema), memory);
  const applied: unknown[] = [];
  const reader = new LiveConfigReader(schema, defaultConfig(schema), memory, (config) => {
    applied.push(structuredClone(config));
  });
  const change = (network: object, limits: object, top = {}) => {
    const next = structuredClone(writer.config);
    return writer.change({
      ...next,
      ...top,
      network: { ...next.network, ...network },
      limits: { ...next.limits, ...limits },
    });
  };
  return { applied, change, reader, writer };
}

test("a worker sees each change of the live integers once", () => {
  const { applied, change, reader, writer } = open();
  reader.refresh();
  expect(applied).toEqual([]);
  expect(change({ interval: 60 }, { size: 7 })).toEqual({
    applied: ["network.interval", "limits.size"],
    refused: [],
  });
  expect(reader.isOutdated).toBe(true);
  reader.refresh();
  reader.refresh();
  expect(applied).toEqual([writer.config]);
  expect(reader.config.network.interval).toBe(60);
  expect(reader.config.limits).toEqual({ rate: 0, size: 7, name: "a" });
});

test("keys that are not live keep their value and are named", () => {
  const { applied, change, reader, writer } = open();
  expect(change({}, { name: "b" }, { workers: 3 })).toEqual({
    applied: [],
    refused: ["workers", "limits.name"],
  });
  reader.refresh();
  expect(applied).toEqual([]);
  expect(writer.config).toEqual(defaultConfig(schema));
});

test("a key for which nothing was prepared keeps its 0", () => {
  const { writer } = open();
  const next = structuredClone(writer.config);
  const changed = { ...next, limits: { ...next.limits, rate: 5 } };
  expect(writer.change(changed, ["limits.rate"])).toEqual({
    applied: [],
    refused: ["limits.rate"],
  });
  expect(writer.change(changed)).toEqual({ applied: ["limits.rate"], refused: [] });
});

test("a change resolves the promise of those that wait", async () => {
  const { change, writer } = open();
  const { changed } = writer;
  change({}, {});
  expect(writer.changed).toBe(changed);
  change({ interval: 1 }, {});
  await changed;
  expect(writer.changed).not.toBe(changed);
});
