// The part of a configuration that may change while the tracker serves: the fields that its schema
// marks as live. The main thread reads the file again at a signal and changes its own configuration
// in place. Integers also go to the workers, through shared memory in the order of the schema,
// because a worker may never return to its event loop: it compares one control word, the
// generation, once for each batch.

import { type ConfigValue, isField, type Schema } from "./config-field.ts";
import type { Config } from "./config.ts";
import { CONTROL } from "./control.ts";

/** Shared memory of the live configuration. */
export interface LiveConfigMemory {
  readonly control: SharedArrayBuffer;
  readonly liveConfig: SharedArrayBuffer;
}

/** Allocates the memory for the live integers of a schema. */
export function allocateLiveConfig(schema: Schema): SharedArrayBuffer {
  return new SharedArrayBuffer(listLiveIntegers(schema).length * 4);
}

/** What a new configuration changes, as the dotted names of keys. */
export interface ConfigChange {
  /** Keys in force from now on. */
  readonly applied: readonly string[];
  /** Keys that differ from what is in force, but need a restart. */
  readonly refused: readonly string[];
}

/** The main thread's side. */
export class LiveConfigWriter<S extends Schema> {
  #changed = Promise.withResolvers<void>();

  constructor(
    private readonly schema: S,
    /** The configuration in force. Changes in place. */
    readonly config: Config<S>,
    private readonly memory: LiveConfigMemory,
  ) {}

  /**
   * Puts the live keys of `next` in force, and makes them visible to the workers. `keepsZero` names
   * keys that need a restart if they are 0, because nothing was prepared for them.
   */
  change(next: Config<S>, keepsZero: readonly string[] = []): ConfigChange {
    const applied: string[] = [];
    const refused: string[] = [];
    for (const { isLive, path } of listFields(this.schema)) {
      const name = path.join(".");
      const before = valueAt(this.config, path);
      const value = valueAt(next, path);
      if (Bun.deepEquals(before, value)) continue;
      if (!isLive || (before === 0 && keepsZero.includes(name))) {
        refused.push(name);
        continue;
      }
      setValue(this.config, path, value);
      applied.push(name);
    }
    if (applied.length > 0) this.#publish();
    return { applied, refused };
  }

  /** Resolves at the next change. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  #publish(): void {
    const words = new Int32Array(this.memory.liveConfig);
    for (const [index, path] of listLiveIntegers(this.schema).entries()) {
      Atomics.store(words, index, valueAt(this.config, path) as number);
    }
    // Pairs with the load in `refresh`.
    Atomics.add(new Int32Array(this.memory.control), CONTROL.generation, 1);
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

/** A worker's side: its own copy of the configuration, kept up to date. */
export class LiveConfigReader<S extends Schema> {
  readonly #control: Int32Array;
  readonly #values: Int32Array;
  readonly #paths: readonly Path[];
  #generation = 0;

  constructor(
    schema: S,
    /** Changes in place. */
    readonly config: Config<S>,
    memory: LiveConfigMemory,
    /** Called after each change. */
    private readonly apply: (config: Config<S>) => void = () => {},
  ) {
    this.#control = new Int32Array(memory.control);
    this.#values = new Int32Array(memory.liveConfig);
    this.#paths = listLiveIntegers(schema);
  }

  /** Takes over what has changed since the last call. Costs one load if nothing has. */
  refresh(): void {
    if (this.isOutdated) this.#read();
  }

  /** Whether something has changed since the last `refresh`. */
  get isOutdated(): boolean {
    return Atomics.load(this.#control, CONTROL.generation) !== this.#generation;
  }

  #read(): void {
    const control = this.#control;
    // If the main thread writes meanwhile, the values may be a mixture: read them again.
    do {
      this.#generation = Atomics.load(control, CONTROL.generation);
      for (const [index, path] of this.#paths.entries()) {
        setValue(this.config, path, Atomics.load(this.#values, index));
      }
    } while (Atomics.load(control, CONTROL.generation) !== this.#generation);
    this.apply(this.config);
  }
}

// ---------------------------------------------------------------------------------------------

type Path = readonly string[];

/** A section of a configuration. The only place that writes to one. */
type Section = Record<string, unknown>;

function listFields(
  schema: Schema,
  path: Path = [],
): { path: Path; isLive: boolean; value: ConfigValue }[] {
  return Object.entries(schema).flatMap(([key, node]) => {
    if (!isField(node)) return listFields(node, [...path, key]);
    return [{ path: [...path, key], isLive: node.isLive === true, value: node.value }];
  });
}

function listLiveIntegers(schema: Schema): Path[] {
  const fields = listFields(schema).filter(({ isLive, value }) => {
    return isLive && typeof value === "number";
  });
  return fields.map(({ path }) => path);
}

function sectionAt(config: unknown, path: Path): Section {
  let section = config as Section;
  for (const key of path.slice(0, -1)) section = section[key] as Section;
  return section;
}

function valueAt(config: unknown, path: Path): unknown {
  return sectionAt(config, path)[path.at(-1)!];
}

function setValue(config: unknown, path: Path, value: unknown): void {
  sectionAt(config, path)[path.at(-1)!] = value;
}
