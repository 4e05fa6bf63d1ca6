/* oxlint-disable unicorn/require-post-message-target-origin -- a window has an origin, the port of a worker has none */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Add, askOneByOne, type Subject, TellAcross } from '../subject.ts';
import type { RawQuestion } from './raw-worker.ts';

const BATCH = 100;

/** The lower bound: bare `postMessage` to a worker. */
export async function create(): Promise<Subject> {
  const worker = new Worker(new URL('raw-worker.ts', import.meta.url));
  await once(worker, 'online');
  let answered: (value: number) => void = () => undefined;
  worker.on('message', (value: number) => answered(value));
  const ask = (question: RawQuestion): Promise<number> =>
    new Promise((resolve) => {
      answered = resolve;
      worker.postMessage(question);
    });
  const across = new TellAcross(() => ask({ type: 'handled' }));
  const inBatches = (size: number): void => {
    for (let from = 0; from < size; from += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, size - from) }, (_, i): Add => ({
        type: 'add',
        by: from + i,
      }));
      worker.postMessage(batch);
    }
  };
  return {
    measures: {
      'tell across threads': across.oneByOne((message) => worker.postMessage(message)),
      'tell across threads, batches of 100': across.measure(inBatches),
      'ask across threads': askOneByOne((n) => ask({ type: 'double', n })),
    },
    close: async () => void (await worker.terminate()),
  };
}
