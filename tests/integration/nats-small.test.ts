import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connect } from 'nats';
import sharp from 'sharp';
import { putPicture } from '../../src/actors/put-picture.ts';
import { shrinkJpeg } from '../../src/imaging/shrink.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamImages } from '../../src/infra/nats/image-store.ts';
import { JetStreamLocks } from '../../src/infra/nats/locks.ts';
import { STREAMS_MB } from '../../src/infra/nats/stream-sizes.ts';
import { IMAGE_STREAM, streams } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { memoryLog } from '../support/log.ts';
import { ownNats } from '../support/own-servers.ts';

const MB = 1024 ** 2;
/** Buckets beside the streams. */
const BUCKETS_MB = 35;
const sizes = async (url: string): Promise<Map<string, number>> => {
  const nc = await connect(natsOptions(url));
  try {
    const all = await (await nc.jetstreamManager()).streams.list().next();
    return new Map(all.map(({ config }) => [config.name, config.max_bytes]));
  } finally {
    await nc.close();
  }
};
const total = (all: Map<string, number>): number => [...all.values()].reduce((sum, bytes) => sum + bytes, 0);

// Side by side: each has a server of its own.
describe('a small JetStream', { concurrency: true }, () => {
  it('gets smaller streams, in proportion, and it is said', async (t) => {
    const server = await ownNats(t, 'max_payload: 64KB\njetstream: { max_file_store: 1GB, store_dir: FOLDER }');
    const url = `nats://127.0.0.1:${server.port}`;
    const log = memoryLog();
    const bus = await NatsBus.open({ url, startTimeoutMs: 30_000, log });
    t.after(() => bus.close());
    const found = await sizes(url);
    assert.equal(found.size, 23, 'all streams and buckets are there');
    assert.ok(total(found) <= 1024 * MB && total(found) > 700 * MB, `${total(found) / MB} MB`);
    // Each has 3 MB, and its share of the rest.
    const share = (name: string, fullMb: number): number => ((found.get(name) ?? 0) / MB - 3) / (fullMb - 3);
    assert.ok(share(streams.alerts, 256) > 0.1, `${share(streams.alerts, 256)} of the alerts`);
    assert.ok(Math.abs(share(IMAGE_STREAM, 1024) / share(streams.alerts, 256) - 1) < 0.01, 'in proportion');
    assert.match(
      bus.notice() ?? '',
      /room for \d+ MB of streams instead of 5632.*GANTRY_STREAMS_MB.*messages of 65536 bytes/u,
    );
    assert.ok(log.lines.some(({ message }) => /room for \d+ MB/u.test(message)));
    await new JetStreamLocks(bus).write('lock', 'me', null);

    const picture = await sharp(await noise(1_600, 900), { raw: { width: 1_600, height: 900, channels: 3 } })
      .jpeg({ quality: 90 })
      .toBuffer();
    assert.ok(picture.byteLength > 300_000);
    const images = new JetStreamImages(bus);
    const id = `${crypto.randomUUID()}.frame` as const;
    await assert.rejects(images.put(id, picture, 'north'), { code: 'IMAGE_TOO_LARGE' });
    assert.equal(await putPicture(images, { id, jpeg: picture, cameraId: 'north' }, shrinkJpeg), true);
    const kept = await images.get(id);
    assert.ok(kept !== null && kept.byteLength <= 65_568 && (await sharp(kept).metadata()).width > 100);
  });

  it('gets what is asked for, and existing streams of another size are changed', async (t) => {
    const server = await ownNats(t, '');
    const url = `nats://127.0.0.1:${server.port}`;
    for (const [streamsMb, most] of [
      [STREAMS_MB, STREAMS_MB + BUCKETS_MB],
      [200, 200 + BUCKETS_MB],
      [64, 64 + BUCKETS_MB],
      [1_000, 1_000 + BUCKETS_MB],
    ] as const) {
      const bus = await NatsBus.open({ url, startTimeoutMs: 30_000, streamsMb, log: memoryLog() });
      assert.equal(bus.notice(), null);
      await bus.close();
      const now = total(await sizes(url)) / MB;
      assert.ok(now <= most && now > most * 0.9 - 2, `${now} MB for ${streamsMb}`);
    }
  });

  it('of an account makes do with what the account has', async (t) => {
    const server = await ownNats(
      t,
      'accounts: { A: { jetstream: { max_file: 300MB, max_mem: 1MB }, users: [ { user: a, password: a } ] } }\n' +
        'jetstream: { store_dir: FOLDER }',
    );
    const url = `nats://a:a@127.0.0.1:${server.port}`;
    const bus = await NatsBus.open({ url, startTimeoutMs: 30_000, log: memoryLog() });
    t.after(() => bus.close());
    assert.ok(total(await sizes(url)) <= 300 * MB);
  });

  it('without room for the least says what to do', async (t) => {
    const server = await ownNats(t, 'jetstream: { max_file_store: 20MB, store_dir: FOLDER }');
    const log = memoryLog();
    await assert.rejects(
      NatsBus.open({ url: `nats://127.0.0.1:${server.port}`, startTimeoutMs: 3_000, log }),
      /max_file_store.*GANTRY_STREAMS_MB/u,
    );
    assert.ok(
      log.lines.some(({ message }) => message.startsWith('waiting for JetStream: ')),
      'said at once',
    );
  });
});

const noise = async (width: number, height: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(width * height * 3);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (Math.imul(i, 2_654_435_761) >>> 24) & 0x7f;
  return bytes;
};
