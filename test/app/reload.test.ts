// What the log says when the configuration is read again; test/e2e/reload.test.ts has the rest.

import { afterAll, beforeEach, expect, test } from "bun:test";
import { logLevelField } from "../../src/app/config-sections.ts";
import { integer } from "../../src/app/config-field.ts";
import { type Config, defaultConfig } from "../../src/app/config.ts";
import { allocateControl } from "../../src/app/control.ts";
import { allocateLiveConfig, LiveConfigWriter } from "../../src/app/live-config.ts";
import { reloadConfig } from "../../src/app/reload.ts";
import { StartupError } from "../../src/app/startup-error.ts";
import { collectLog } from "./log-spy.ts";

const field = { value: 1, min: 0, max: 9, prose: "" };
const schema = {
  log_level: logLevelField,
  workers: integer(field),
  interval: integer({ ...field, isLive: true }),
};

const logged: string[] = [];
const spy = collectLog(logged);
afterAll(() => spy[Symbol.dispose]());
beforeEach(() => {
  logged.length = 0;
});

function reload(reread: (() => Config<typeof schema>) | undefined): number {
  const memory = { control: allocateControl(1), liveConfig: allocateLiveConfig(schema) };
  const live = new LiveConfigWriter(schema, defaultConfig(schema), memory);
  reloadConfig(live, { reread });
  return live.config.interval;
}

test("what changes and what needs a restart is named", () => {
  expect(reload(() => ({ log_level: "info", workers: 2, interval: 3 }))).toBe(3);
  expect(logged).toEqual([
    "info: the configuration has been reloaded: interval changed",
    "warn: restart the tracker to change workers",
  ]);
});

test("a mistake changes nothing", () => {
  const fail = () => {
    throw new StartupError("a.toml: interval: must be an integer");
  };
  expect(reload(fail)).toBe(1);
  expect(logged).toEqual([
    "error: the configuration stays as it was: a.toml: interval: must be an integer",
  ]);
});

test("without a file there is nothing to reload", () => {
  expect(reload(undefined)).toBe(1);
  expect(logged).toEqual(["warn: there is no configuration file to reload"]);
});
