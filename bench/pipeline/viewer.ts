/**
 * A viewer of the live feed in a process of its own: every camera, arrival times of everything; and beside it a
 * subscriber of Redis, which has to wait for nobody here. Reports every half second.
 */
import { Redis } from 'ioredis';
import { WebSocket } from 'ws';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { secretFromEnv } from '../../src/keys/env-secret.ts';
import { redisKeys } from '../../src/messages/subjects.ts';
import { clockWith } from './clock.ts';
import { seenAggregate, type ViewerBatch, type ViewerOrder } from './orders.ts';

const order: ViewerOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
const REPORT_MS = 500;

const emptyBatch = (): ViewerBatch => ({ kind: 'batch', pushed: [], redis: [], alerts: 0 });
let batch = emptyBatch();
const url = new URL('/ws', order.url.replace(/^http/, 'ws'));
// From the environment, which both have: an order is an argument, and every user of the machine may read those.
const token = secretFromEnv(process.env, 'GANTRY_TOKEN');
if ('problem' in token) throw new Error(token.problem);
const headers = token.secret === null ? {} : { authorization: `Bearer ${token.secret}` };
const socket = new WebSocket(url, { headers });
socket.on('message', (data: Buffer) => {
  const at = now();
  const message: { type: string; data: Aggregate } = JSON.parse(data.toString());
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
});
socket.on('close', (code) => {
  console.error(`the viewer's connection was closed with ${code}`);
  process.exit(1);
});
await new Promise((resolve, reject) => {
  socket.once('open', resolve);
  socket.once('error', reject);
});
socket.send(JSON.stringify({ type: 'subscribe' }));

const redis = order.redisUrl === null ? null : new Redis(order.redisUrl);
redis?.on('pmessage', (_pattern: string, _channel: string, text: string) => {
  const at = now();
  const aggregate: Aggregate = JSON.parse(text);
  if (aggregate.cameraId.startsWith(order.prefix)) batch.redis.push(seenAggregate(aggregate, at));
});
await redis?.psubscribe(redisKeys.channel('*'));

setInterval(report, REPORT_MS);
process.on('disconnect', () => process.exit(0));
// Asked for what is left.
process.on('message', report);
process.send?.('ready');

function report(): void {
  process.send?.(batch);
  batch = emptyBatch();
}
