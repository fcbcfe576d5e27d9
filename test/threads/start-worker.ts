// Starts a fixture as a Worker and waits for its one result. A Worker that throws fails the test.

/** Resolves with what the Worker posts first; `data` is its first message. */
export function runWorker<Result>(fixture: string, data: unknown): Promise<Result> {
  const worker = new Worker(new URL(fixture, import.meta.url));
  return new Promise<Result>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Result>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(data);
  }).finally(() => worker.terminate());
}

/** Resolves when `isTrue` is, which other threads bring about. */
export async function waitUntil(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await Bun.sleep(1);
}
