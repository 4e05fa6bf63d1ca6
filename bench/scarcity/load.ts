/**
 * The cameras in a process of its own: they store pictures and publish detections as real ones would. Begins at a
 * message, reports when it is over.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { sendJson, store } from '../../src/infra/nats/send.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { errorsOnly } from '../harness.ts';
import { clockWith } from '../pipeline/clock.ts';
import { noise } from '../pipeline/pictures.ts';
import { DetectionMaker } from './detections.ts';
import type { LoggedQuestion } from './log.ts';
import type { LoadEnd, LoadOrder, Sent } from './orders.ts';
import { withComment } from './pictures.ts';
import { type Frame, framesOf } from './world.ts';

const order: LoadOrder = JSON.parse(process.argv[2] ?? '');
const now = clockWith(order.offset);
const bus = await NatsBus.open({ url: order.natsUrl, startTimeoutMs: 5_000, log: errorsOnly });
const { link } = bus;
const picture = await noise(160, 120);
const frames = framesOf(order);
const makers = Array.from(
  { length: order.cameras },
  (_, camera) => new DetectionMaker(`${order.prefix}${String(camera + 1).padStart(3, '0')}`),
);
const questions: LoggedQuestion[] = [];
const sent: Sent[] = [];
let failed = 0;
let latestMs = 0;

process.on('disconnect', () => process.exit(0));
process.send?.('ready');
await new Promise((resolve) => process.once('message', resolve));
const beganAt = now();
const publishing: Promise<void>[] = [];
for (const frame of frames) {
  const early = beganAt + frame.at - now();
  if (early > 0) await delay(early);
  latestMs = Math.max(latestMs, now() - beganAt - frame.at);
  publishing.push(
    publish(frame).catch(() => {
      failed += 1;
    }),
  );
}
await Promise.all(publishing);
const end: LoadEnd = { beganAt, questions, sent, failed, latestMs };
await new Promise((resolve) => process.send?.(end, resolve));
await bus.close();
process.disconnect?.();

async function publish(frame: Frame): Promise<void> {
  const { camera, groups } = frame;
  // A simulated camera spends no time on its analysis: the frame's time is that of its publish.
  const at = Math.floor(now());
  const detection = makers[camera]?.next(frame, at);
  if (detection === undefined) return;
  const { requestId, cameraId, traceId, imageId, trafficGroups } = detection;
  await Promise.all([
    ...(imageId === null ? [] : [store(link, subjects.image(imageId), picture)]),
    ...groups.map(({ group: { groupId }, truth }, index) => {
      const cropId = trafficGroups[index]?.cropId ?? null;
      if (cropId === null) return null;
      return store(link, subjects.image(cropId), withComment(picture, { camera, groupId, at, truth }));
    }),
  ]);
  for (const { group, truth } of groups) questions.push({ camera, groupId: group.groupId, at, truth });
  sent.push({ requestId, at: now() });
  await sendJson(link, subjects.detection(cameraId), detection, { requestId, cameraId, traceId }, requestId);
}
