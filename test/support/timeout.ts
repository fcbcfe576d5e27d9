// Loaded before all tests: gives them time on a busy machine.

import { setDefaultTimeout } from "bun:test";

setDefaultTimeout(30_000);
