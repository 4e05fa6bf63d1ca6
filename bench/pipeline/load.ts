/**
 * The load in a process of its own: simulated cameras store pictures and publish detections as real ones would. Results
 * and aggregates are read from the streams afterwards: a live subscription would cost the server a fifth more messages,
 * and this process CPU time that the measured ones need. Reports when the load is over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { ANY_BODY, type Parser } from '../../src/infra/bus.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { sendJson, store } from '../../src/infra/nats/send.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import { errorsOnly } from '../harness.ts';
import { clockWith } from './clock.ts';
import { FrameMaker, MEAN_GROUPS } from './frames.ts';
import { type LoadBatch, type LoadEnd, type LoadOrder, seenAggregate, type Sent } from './orders.ts';
import { makePictures } from './pictures.ts';

const order: LoadOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
/** Messages read at once. */
const PAGE = 500;
/** A long load is read while it runs, well before the streams expire. */
const READ_MS = 60_000;
/** Longest wait for the last frames' aggregates, and a moment for the viewer after them. */
const DRAIN_MS = 10_000;
const VIEWER_MS = 500;

const emptyBatch = (): LoadBatch => ({ kind: 'batch', sent: [], results: [], aggregates: [] });
const sent: Sent[] = [];
let batch = emptyBatch();
let failed = 0;
/** Frames published whose last awaited answer has not been seen in an aggregate of its stream. */
const open = new Set<string>();
let latestMs = 0;

const bus = await NatsBus.open({ url: order.natsUrl, startTimeoutMs: 5_000, log: errorsOnly });
const { link } = bus;
const pictures = await makePictures();
const ours = (cameraId: string): boolean => cameraId.startsWith(order.prefix);

/** Reads a stream page by page, from the message after its last one at the start of the load. */
class Reader<T> {
  readonly #stream: string;
  readonly #note: (body: T, at: number) => void;
  #next: number;

  constructor(stream: string, next: number, note: (body: T, at: number) => void) {
    this.#stream = stream;
    this.#next = next;
    this.#note = note;
  }

  async read(): Promise<void> {
    // Gantry's own messages, which it has validated.
    const parser: Parser<T> = z.custom<T>();
    for (;;) {
      const page = await bus.read({ stream: this.#stream, parser, from: { seq: this.#next }, limit: PAGE });
      for (const { body, storedAt } of page) this.#note(body, storedAt);
      this.#next = (page.at(-1)?.seq ?? this.#next - 1) + 1;
      if (page.length < PAGE) return;
      report();
    }
  }
}

const lastOf = async (stream: string, subject: string): Promise<number> =>
  (await bus.last({ stream, subject, parser: ANY_BODY }))?.seq ?? 0;
const results = new Reader<AssessmentResult>(
  streams.results,
  (await lastOf(streams.results, subjects.results)) + 1,
  ({ cameraId, requestId, groupIndex, timestamp, source, metadata, error }, at) => {
    if (ours(cameraId))
      batch.results.push({
        requestId,
        at,
        groupIndex,
        assessedAt: Date.parse(timestamp),
        waitMs: metadata.waitMs ?? null,
        calls: metadata.calls ?? [],
        byModel: source === 'vlm' && error === undefined,
      });
  },
);
const aggregates = new Reader<Aggregate>(
  streams.aggregates,
  (await lastOf(streams.aggregates, subjects.aggregates)) + 1,
  (aggregate, at) => {
    const seen = seenAggregate(aggregate, at);
    if (seen.pending === 0) open.delete(aggregate.requestId);
    if (ours(aggregate.cameraId)) batch.aggregates.push(seen);
  },
);
const readAll = async (): Promise<void> => {
  await results.read();
  await aggregates.read();
  report();
};

process.on('disconnect', () => process.exit(0));
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
let reading = Promise.resolve();
const looking = setInterval(() => {
  reading = reading.then(readAll);
}, READ_MS);
await Promise.all(
  Array.from({ length: order.cameras }, (_, index) =>
    runCamera(`${order.prefix}${String(index + 1).padStart(3, '0')}`, order.seed + index),
  ),
);
clearInterval(looking);
const drained = now() + DRAIN_MS;
do {
  await delay(VIEWER_MS);
  await (reading = reading.then(readAll));
} while (open.size > 0 && now() < drained);
await new Promise((resolve) => process.send?.({ kind: 'end', failed, latestMs } satisfies LoadEnd, resolve));
await bus.close();
process.disconnect?.();

function report(): void {
  batch.sent.push(...sent.splice(0));
  process.send?.(batch);
  batch = emptyBatch();
}

/** Publishes frames at the camera's rate, with 10 % jitter, from a random moment in the first period. */
async function runCamera(cameraId: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const maker = new FrameMaker(cameraId, seed, { newGroups: true });
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
  const crop = (index: number): Buffer =>
    pictures.crops[(cameraId.length + index) % pictures.crops.length] ?? pictures.frame;
  await Promise.all([
    ...(imageId === null ? [] : [store(link, subjects.image(imageId), pictures.frame)]),
    ...trafficGroups.flatMap(({ cropId }, index) =>
      cropId === null ? [] : [store(link, subjects.image(cropId), crop(index))],
    ),
  ]).catch((thrown: unknown) => {
    throw new Error(`pictures of ${requestId}`, { cause: thrown });
  });
}

async function publish(detection: Detection): Promise<void> {
  const { requestId, cameraId, traceId, trafficGroups } = detection;
  const at = now();
  // The frame's own time is that of its publish: a simulated camera spends no time on analysis.
  const body: Detection = { ...detection, timestamp: new Date(Math.floor(at)).toISOString() };
  open.add(requestId);
  sent.push({ requestId, traceId, at, timestamp: Math.floor(at), groups: trafficGroups.length });
  await sendJson(link, subjects.detection(cameraId), body, { requestId, cameraId, traceId }, requestId);
}
