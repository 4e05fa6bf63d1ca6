import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'nats';
import sharp from 'sharp';
import { alertImagesActor, MAX_ALERT_IMAGE_BYTES } from '../../src/actors/alert-images.ts';
import { Encoder } from '../../src/imaging/jpeg-encoder.ts';
import { JetStreamAlertImages, JetStreamImages } from '../../src/infra/nats/image-store.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { IMAGE_STREAM, subjects } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { startBus } from '../support/aggregator.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { Random } from '../support/random.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
const encoder = new Encoder({ threads: 1 });
before(async () => {
  world = await startBus();
});
after(async () => {
  await encoder.close();
  await world.stop();
});

/** Noise: the picture that compresses worst. */
const noise = (width: number, height: number): Promise<Uint8Array> => {
  const random = new Random(7);
  return sharp(
    Uint8Array.from({ length: width * height * 3 }, () => random.below(256)),
    { raw: { width, height, channels: 3 } },
  )
    .jpeg({ quality: 78 })
    .toBuffer();
};
const alert = (alerted: Aggregate) =>
  world.bus.publish(subjects.alert(alerted.cameraId), alerted, alerted, `${alerted.requestId}:${alerted.revision}`);

test('the pictures of an alert are there after the originals are gone, each in 50 kB', async (t) => {
  const images = new JetStreamImages(world.bus);
  const kept = new JetStreamAlertImages(world.bus);
  const system = await startSystem(
    supervisor('root', [child('alert-images', alertImagesActor, () => ({ bus: world.bus, images, kept, encoder }))]),
    { log: memoryLog(), onEscalation: (error) => assert.fail(error.message) },
  );
  t.after(() => system.stop());
  const frame = aggregate('north', { risk: 'high' });
  const other = aggregate('north', { risk: 'high' });
  const [frameId, cropId] = [`${frame.requestId}.frame`, `${frame.requestId}.g1`];
  const small = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#888' } })
    .jpeg()
    .toBuffer();
  await images.put(frameId, await noise(960, 540), 'north');
  await images.put(cropId, small, 'north');
  await alert(frame);
  await alert({ ...frame, revision: 1 });
  await alert(other);
  const stats = await until('all three alerts are done', () => {
    const root = system.snapshot();
    const [actor] = root.type === 'supervisor' ? root.children : [];
    return actor?.type === 'actor' && actor.detail['alerts'] === 3 && actor.detail;
  });
  assert.deepEqual(
    stats,
    { alerts: 3, kept: 2, missing: 2, unreadable: 0 },
    'those of the other alert were never stored',
  );

  const nc = await connect(natsOptions(world.nats.url));
  t.after(() => nc.close());
  await (await nc.jetstreamManager()).streams.purge(IMAGE_STREAM);
  const jpeg = await images.get(frameId);
  assert.ok(jpeg && jpeg.byteLength <= MAX_ALERT_IMAGE_BYTES, `${jpeg?.byteLength} bytes`);
  const { width, height, format } = await sharp(jpeg).metadata();
  assert.equal(format, 'jpeg');
  assert.ok(Math.abs(width / height - 960 / 540) < 0.02, `${width} x ${height}`);
  assert.deepEqual(Buffer.from((await images.get(cropId)) ?? []), small, 'what fits stays as it is');
  assert.equal(await images.get(`${other.requestId}.frame`), null);
});

test('a picture loses quality before it loses pixels', async () => {
  const jpeg = await sharp(await noise(320, 240))
    .jpeg({ quality: 95 })
    .toBuffer();
  assert.ok(jpeg.byteLength > MAX_ALERT_IMAGE_BYTES);
  const shrunk = await encoder.shrink(jpeg, MAX_ALERT_IMAGE_BYTES, AbortSignal.timeout(60_000));
  assert.ok(shrunk.byteLength <= MAX_ALERT_IMAGE_BYTES);
  assert.equal((await sharp(shrunk).metadata()).width, 320);
});
