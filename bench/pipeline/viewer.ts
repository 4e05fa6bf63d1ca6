/**
 * A viewer of all cameras' live feed in a process of its own, which notes when each message arrives, and a Redis
 * subscriber beside it. Reports every half second.
 */
import { Redis } from 'ioredis';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { secretFromEnv } from '../../src/keys/env-secret.ts';
import { redisKeys } from '../../src/messages/subjects.ts';
import { subscribeToFeed } from '../feed-socket.ts';
import { clockWith } from './clock.ts';
import { seenAggregate, type ViewerBatch, type ViewerOrder } from './orders.ts';

const order: ViewerOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
const REPORT_MS = 500;

const emptyBatch = (): ViewerBatch => ({ kind: 'batch', pushed: [], redis: [], alerts: 0 });
let batch = emptyBatch();
// From the shared environment: an order is an argument, which every user of the machine may read.
const token = secretFromEnv(process.env, 'GANTRY_TOKEN');
if ('problem' in token) throw new Error(token.problem);
const headers = token.secret === null ? {} : { authorization: `Bearer ${token.secret}` };
await subscribeToFeed(
  order.url,
  (text) => {
    const at = now();
    const message: { type: string; data: Aggregate } = JSON.parse(text);
    if (
      (message.type !== 'detection_result' && message.type !== 'alert') ||
      !message.data.cameraId.startsWith(order.prefix)
    )
      return;
    if (message.type === 'alert') {
      batch.alerts += 1;
      return;
    }
    batch.pushed.push(seenAggregate(message.data, at));
  },
  headers,
);

const redis = order.redisUrl === null ? null : new Redis(order.redisUrl);
redis?.on('pmessage', (_pattern: string, _channel: string, text: string) => {
  const at = now();
  const aggregate: Aggregate = JSON.parse(text);
  if (aggregate.cameraId.startsWith(order.prefix)) batch.redis.push(seenAggregate(aggregate, at));
});
await redis?.psubscribe(redisKeys.channel('*'));

setInterval(report, REPORT_MS);
process.on('disconnect', () => process.exit(0));
// Any message asks for the last report.
process.on('message', report);
process.send?.('ready');

function report(): void {
  process.send?.(batch);
  batch = emptyBatch();
}
