// Starts a fixture as a Worker and waits for its single result. A Worker that throws fails the
// test.

/** Sends `data` as the first message and resolves with the Worker's first message. */
export function runWorker<Result>(fixture: string, data: unknown): Promise<Result> {
  const worker = new Worker(new URL(fixture, import.meta.url));
  return new Promise<Result>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Result>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(data);
  }).finally(() => worker.terminate());
}

/** Resolves when `isTrue` returns true because of other threads. */
export async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await Bun.sleep(1);
}
