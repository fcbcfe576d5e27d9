// Loaded before all tests: what is awaited may take its time on a machine that is busy.

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);
