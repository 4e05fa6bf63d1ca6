/* oxlint-disable unicorn/require-post-message-target-origin -- a window has an origin, the port of a worker has none */
import { parentPort } from 'node:worker_threads';
import type { Add } from '../subject.ts';

export type RawQuestion = { readonly type: 'double'; readonly n: number } | { readonly type: 'handled' };

let handled = 0;
let sum = 0;
const add = (message: Add): void => {
  sum += message.by;
  handled += 1;
};

parentPort?.on('message', (message: Add | readonly Add[] | RawQuestion) => {
  if (!('type' in message)) for (const each of message) add(each);
  else if (message.type === 'add') add(message);
  else if (message.type === 'double') parentPort?.postMessage(message.n * 2);
  else parentPort?.postMessage(sum >= 0 ? handled : Number.NaN);
});
