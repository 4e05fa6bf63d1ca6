import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';
import { z } from 'zod';
import { alertClipsActor } from '../../src/actors/alert-clips.ts';
import type { CameraEntry, CameraRegistryMessage } from '../../src/actors/camera-registry.ts';
import { clipsActor } from '../../src/actors/clips.ts';
import type { ClipOutcome, IngestMessage } from '../../src/actors/ingest.types.ts';
import { RegisteredCamera } from '../../src/actors/registered-camera.ts';
import { JetStreamClips } from '../../src/infra/nats/clip-store.ts';
import { NatsRequests } from '../../src/infra/nats/requests.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { MOST_CLIP_BYTES } from '../../src/messages/wanted.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { startBus } from '../support/aggregator.ts';
import { aggregate, config } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

const collect = async (parts: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const read: Uint8Array[] = [];
  for await (const part of parts) read.push(part);
  return Buffer.concat(read);
};

const alert = (alerted: Aggregate) =>
  world.bus.publish(subjects.alert(alerted.cameraId), alerted, alerted, `${alerted.requestId}:${alerted.revision}`);

/** Actors of a node with the camera north, whose ingest answers as the test says. */
async function startClips(t: TestContext, clipOf: (message: IngestMessage & { type: 'clip' }) => ClipOutcome) {
  const clips = new JetStreamClips(world.bus);
  const requests = new NatsRequests(world.bus, world.log);
  const asked: (IngestMessage & { type: 'clip' })[] = [];
  const ingest = defineActor<IngestMessage>()<null>({
    kind: 'ingest',
    mailbox: { capacity: 100, overflow: 'refuse' },
    start: () => ({
      handlers: {
        follow: () => undefined,
        analysed: () => undefined,
        unfollow: () => undefined,
        spare: () => true,
        cut: () => [],
        burst: () => ({ sent: 0, missed: { gone: 0, undecodable: 0, overBudget: 0 } }),
        clip: (message) => {
          asked.push(message);
          return clipOf(message);
        },
      },
    }),
  });
  const north: CameraEntry = new RegisteredCamera(config('north'), false, 0).entry(0);
  const registry = defineActor<CameraRegistryMessage>()<null>({
    kind: 'camera-registry',
    mailbox: { capacity: 100, overflow: 'refuse' },
    start: () => ({
      handlers: {
        list: () => [north],
        get: ({ cameraId }) => (cameraId === 'north' ? north : null),
        add: () => 'full' as const,
        change: () => null,
        remove: () => false,
        status: () => undefined,
        frame: () => undefined,
        fault: () => undefined,
        releases: () => undefined,
        shed: () => undefined,
      },
    }),
  });
  const system = await startSystem(
    supervisor('root', [
      child('ingest', ingest, () => null),
      child('camera-registry', registry, () => null),
      child('clips', clipsActor, () => ({ requests, clips })),
      child('alert-clips', alertClipsActor, () => ({ bus: world.bus, requests, clips })),
    ]),
    { log: memoryLog(), onEscalation: (error) => assert.fail(error.message) },
  );
  t.after(() => system.stop());
  const recordOf = (id: string) => until('what became of the clip', () => clips.find(id));
  return { clips, asked, recordOf };
}

const ok = (
  mp4: Uint8Array<ArrayBuffer>,
  { from, to }: { readonly from: number; readonly to: number },
): ClipOutcome => ({
  ok: true,
  mp4,
  from,
  to,
});

test('an alert gets one clip from the node that reads its camera, whatever its revisions', async (t) => {
  const mp4 = Uint8Array.from({ length: 1_200_000 }, (_, index) => index % 253);
  const { clips, asked, recordOf } = await startClips(t, (message) => ok(mp4, message));
  const now = Date.now();
  const frame = { ...aggregate('north', { risk: 'high' }), timestamp: new Date(now).toISOString() };
  const other = { ...aggregate('north', { risk: 'high' }), timestamp: new Date(now + 100).toISOString() };
  await Promise.all([alert(frame), alert({ ...frame, revision: 1 }), alert(other)]);
  const record = await recordOf(frame.requestId);
  assert.deepEqual(record, {
    outcome: 'stored',
    bytes: 1_200_000,
    partBytes: 512 * 1024,
    from: new Date(now - 5_000).toISOString(),
    to: new Date(now + 5_000).toISOString(),
  });
  assert.ok(record.outcome === 'stored');
  assert.deepEqual(await collect(clips.read(frame.requestId, record, 0, 1_199_999)), Buffer.from(mp4));
  assert.deepEqual(
    await collect(clips.read(frame.requestId, record, 524_280, 524_300)),
    Buffer.from(mp4.subarray(524_280, 524_301)),
  );
  assert.equal((await recordOf(other.requestId)).outcome, 'stored');
  await alert({ ...frame, revision: 2 });
  await until('all are acked', async () => {
    const { waiting, unsettled } = await (
      await world.bus.pull({ stream: streams.alerts, durable: 'alert-clips', parser: z.unknown() })
    ).lag();
    return waiting + unsettled === 0;
  });
  assert.deepEqual(asked.map(({ from }) => from).toSorted(), [now - 5_000, now - 4_900], 'one request each');
  assert.ok((await clips.bytes()) > 2_400_000);
});

test('the reason is kept for an alert without a clip', async (t) => {
  let failures = 1;
  const { asked, recordOf } = await startClips(t, (message) => {
    if (failures > 0) {
      failures -= 1;
      return ok(new Uint8Array(MOST_CLIP_BYTES + 1), message);
    }
    return { ok: false, reason: 'the camera sends MJPEG' };
  });
  const frames = Array.from({ length: 2 }, () => ({
    ...aggregate('north', { risk: 'high' }),
    timestamp: new Date().toISOString(),
  }));
  const old = { ...aggregate('north', { risk: 'high' }), timestamp: new Date(Date.now() - 3_600_000).toISOString() };
  await alert(frames[0]!);
  const large = await recordOf(frames[0]!.requestId);
  assert.match(large.outcome === 'none' ? large.reason : '', /at most 35651584 are kept/u);
  await alert(frames[1]!);
  assert.deepEqual(await recordOf(frames[1]!.requestId), { outcome: 'none', reason: 'the camera sends MJPEG' });
  await alert(old);
  assert.deepEqual(await recordOf(old.requestId), { outcome: 'none', reason: 'the alert came too late for it' });
  assert.equal(asked.length, 2, 'a late alert asks nobody');
});

test('a request is answered, or says that nobody listens or nobody answers', async (t) => {
  const requests = new NatsRequests(world.bus, world.log);
  const Value = z.object({ value: z.number() });
  assert.deepEqual(await requests.ask('test-doubled', { value: 1 }, Value, 30_000), { outcome: 'nobody' });
  const stop = requests.answer('test-doubled', Value, async ({ value }) => {
    if (value > 100) throw new Error('too much');
    return value < 0 ? null : { value: value * 2 };
  });
  t.after(stop);
  const ask = (value: unknown, parser: z.ZodType = Value, ms = 30_000) =>
    requests.ask('test-doubled', { value }, parser, ms);
  assert.deepEqual(await ask(2), { outcome: 'answered', body: { value: 4 } });
  for (const value of [-1, 101, 'two']) assert.deepEqual(await ask(value, Value, 100), { outcome: 'silent' });
  await assert.rejects(ask(2, z.object({ value: z.string() })), { code: 'BUS_REFUSED' });
  assert.equal(await new JetStreamClips(world.bus).find(newRequestId()), null);
});
