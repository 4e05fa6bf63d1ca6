/**
 * The load in a process of its own: simulated cameras publish detections (and, before, their pictures) as Gantry's own
 * would, and the same process listens on NATS to what becomes of them. Reports when the load is over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg } from 'nats';
import { NatsLink } from '../../src/infra/nats/connection.ts';
import { sendJson, store } from '../../src/infra/nats/send.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { headers, subjects } from '../../src/messages/subjects.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import type { ActorLog } from '../../src/runtime/actor.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { clockWith } from './clock.ts';
import { FrameMaker, MEAN_GROUPS } from './frames.ts';
import { type LoadBatch, type LoadEnd, type LoadOrder, seenAggregate, type Sent } from './orders.ts';
import { makePictures } from './pictures.ts';

const order: LoadOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
/** Messages read and told at once; in a long load the oldest are read while it runs, so that no more than so many are kept. */
const PAGE = 2_000;
const MOST_HEARD = 50_000;
const LOOK_MS = 500;
/** After the last frame, at most, for what is still on its way; and then a moment for the viewer. */
const DRAIN_MS = 10_000;
const VIEWER_MS = 500;

const emptyBatch = (): LoadBatch => ({ kind: 'batch', sent: [], tasks: [], results: [], aggregates: [] });
const sent: Sent[] = [];
/** What was heard, to be read when the load is over: what is measured has the machine for itself. */
const heard: (() => void)[] = [];
let batch = emptyBatch();
let failed = 0;
/** Frames published whose aggregate has not been seen on NATS. */
const open = new Set<string>();
let latestMs = 0;

const log: ActorLog = { debug: () => undefined, info: () => undefined, warn: (_, message) => console.error(message), error: (_, message) => console.error(message) };
const link = await NatsLink.open({ url: order.natsUrl, startTimeoutMs: 5_000, log, onReconnect: () => Promise.resolve() });
const { nc } = link;
const pictures = await makePictures();
const ours = (cameraId: string): boolean => cameraId.startsWith(order.prefix);

/** Listens beside, without a consumer, so that nothing is taken away from Gantry. */
function listen(subject: string, note: (message: Msg, at: number) => void, also: (message: Msg) => void = () => undefined): void {
  nc.subscribe(subject, {
    callback: (error, message: Msg) => {
      const at = now();
      if (error !== null) return;
      also(message);
      if (ours(message.headers?.get(headers.cameraId) ?? '')) heard.push(() => note(message, at));
    },
  });
}
listen(subjects.tasks, (message, at) => {
  const { requestId, group } = message.json<AssessmentTask>();
  batch.tasks.push({ requestId, at, groupIndex: group.groupIndex });
});
listen(subjects.results, (message, at) => {
  const { requestId, groupIndex, timestamp, metadata, error } = message.json<AssessmentResult>();
  batch.results.push({ requestId, at, groupIndex, judgedAt: Date.parse(timestamp), waitMs: metadata.waitMs ?? null, calls: metadata.calls ?? [], unknown: error !== undefined });
});
listen(subjects.aggregates, (message, at) => void batch.aggregates.push(seenAggregate(message.json<Aggregate>(), at)), (message) => void open.delete(message.headers?.get(headers.requestId) ?? ''));

await nc.flush();

process.on('disconnect', () => process.exit(0));
const reading = setInterval(() => {
  if (heard.length > MOST_HEARD) report();
}, LOOK_MS);
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
await Promise.all(Array.from({ length: order.cameras }, (_, index) => runCamera(`${order.prefix}${String(index + 1).padStart(3, '0')}`, order.seed + index)));
const drained = now() + DRAIN_MS;
while (open.size > 0 && now() < drained) await delay(50);
await delay(VIEWER_MS);
clearInterval(reading);
do report();
while (heard.length > 0);
await new Promise((resolve) => process.send?.({ kind: 'end', failed, latestMs } satisfies LoadEnd, resolve));
await link.close();
process.disconnect?.();

function report(): void {
  for (const read of heard.splice(0, PAGE)) read();
  batch.sent.push(...sent.splice(0));
  process.send?.(batch);
  batch = emptyBatch();
}

/** Frames at the camera's own rate, a tenth more or less, from a moment of its own within the first period. */
async function runCamera(cameraId: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const maker = new FrameMaker(cameraId, seed);
  const periodMs = (1_000 * MEAN_GROUPS * order.cameras) / order.groupsPerSecond;
  const end = now() + order.seconds * 1_000;
  let due = now() + random() * periodMs;
  while (due < end) {
    const early = due - now();
    if (early > 0) await delay(early);
    const detection = maker.next(Date.now());
    try {
      await storePictures(detection);
      await publish(detection);
    } catch {
      failed += 1;
    }
    latestMs = Math.max(latestMs, now() - due);
    due += periodMs * (0.9 + 0.2 * random());
  }
}

async function storePictures({ requestId, cameraId, imageId, trafficGroups }: Detection): Promise<void> {
  const crop = (index: number): Buffer => pictures.crops[(cameraId.length + index) % pictures.crops.length] ?? pictures.frame;
  await Promise.all([
    ...(imageId === null ? [] : [store(link, subjects.image(imageId), pictures.frame)]),
    ...trafficGroups.flatMap(({ cropId }, index) => (cropId === null ? [] : [store(link, subjects.image(cropId), crop(index))])),
  ]).catch((thrown: unknown) => {
    throw new Error(`pictures of ${requestId}`, { cause: thrown });
  });
}

async function publish(detection: Detection): Promise<void> {
  const { requestId, cameraId, traceId, trafficGroups } = detection;
  const at = now();
  // The frame counts as arrived when it is published: the simulated camera took no time to look at it.
  const body: Detection = { ...detection, timestamp: new Date(Math.floor(at)).toISOString() };
  open.add(requestId);
  sent.push({ requestId, traceId, at, timestamp: Math.floor(at), groups: trafficGroups.length });
  await sendJson(link, subjects.detection(cameraId), body, { requestId, cameraId, traceId }, requestId);
}
