import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import { z } from 'zod';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const Note = z.object({ n: z.int() });
const trace = { traceId: 'a'.repeat(32), cameraId: 'cam-1', requestId: 'r' };
const stream = streams.alerts;
const log = memoryLog();
let folder: string;
let server: EmbeddedService;
let nc: NatsConnection;
let bus: NatsBus;
let written = 0;

before(async () => {
  folder = temporaryFolder();
  server = await startNatsServer({ dataDir: folder, log });
  nc = await connect({ ...natsOptions(server.url), maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const jsm = await nc.jetstreamManager();
  await jsm.streams.add({ name: streams.tasks, subjects: [subjects.tasks], retention: 'workqueue' as never });
  await jsm.consumers.add(streams.tasks, {
    durable_name: consumers.scheduler(5),
    filter_subject: subjects.tasksOf(5),
    ack_policy: 'explicit' as never,
    max_deliver: 5,
  });
  bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
});
after(async () => {
  await bus.close();
  await nc.close();
  await server.stop();
});

const write = (camera = 'cam-1') => {
  const n = (written += 1);
  return bus.publish(subjects.alert(camera), { n }, trace, `note-${n}`).then((stored) => ({ n, ...stored }));
};

/** A follower that remembers what came; it ends with the test. */
const follow = (t: TestContext, from: 'new' | { readonly seq: number }, filter?: string) => {
  const end = new AbortController();
  t.after(() => end.abort());
  const got: number[] = [];
  const seqs: number[] = [];
  const resets: string[] = [];
  bus.follow({
    stream,
    parser: Note,
    from,
    signal: end.signal,
    ...(filter === undefined ? {} : { filter }),
    onMessage: ({ body, seq }) => void (got.push(body.n), seqs.push(seq)),
    onReset: (why) => resets.push(why),
  });
  return { got, seqs, resets, end: () => end.abort() };
};

const pid = (): number => {
  const running = server.pid();
  assert.ok(running);
  return running;
};
const outage = async (whileDown: () => void): Promise<void> => {
  process.kill(pid(), 'SIGKILL');
  whileDown();
  await until('the link notices', () => bus.state() === 'reconnecting');
  await until('reconnected', () => bus.state() === 'connected');
};

test('a durable consumer of an earlier version is brought up to date', async () => {
  const { config } = await (await nc.jetstreamManager()).consumers.info(streams.tasks, consumers.scheduler(5));
  assert.equal(config.max_deliver, -1);
  assert.equal(config.ack_wait, 10_000_000_000);
  const aggregator = await (
    await nc.jetstreamManager()
  ).consumers.info(streams.detections, consumers.aggregatorDetections);
  assert.equal(aggregator.config.ack_wait, 10_000_000_000);
});

test('a publish tells its place; the same id again tells the first one', async () => {
  const first = await write();
  const again = await bus.publish(subjects.alert('cam-1'), { n: 999 }, trace, `note-${first.n}`);
  assert.deepEqual(again, { seq: first.seq, duplicate: true });
  assert.equal((await write()).seq, first.seq + 1);
});

test('a stream is read from a place or a time, by subject, up to a limit; so is the newest of a subject', async () => {
  const one = await write('cam-read');
  await new Promise((resolve) => setTimeout(resolve, 20));
  const two = await write('cam-read');
  const other = await write('cam-else');
  const filter = subjects.alert('cam-read');
  const all = await bus.read({ stream, filter, parser: Note, from: { seq: 1 }, limit: 10 });
  assert.deepEqual(
    all.map(({ body, seq, subject }) => [body.n, seq, subject]),
    [
      [one.n, one.seq, filter],
      [two.n, two.seq, filter],
    ],
  );
  const since = all[1]?.storedAt ?? 0;
  assert.ok(Math.abs(since - Date.now()) < 60_000);
  assert.deepEqual(
    (await bus.read({ stream, parser: Note, from: { time: since }, limit: 10 })).map(({ seq }) => seq),
    [two.seq, other.seq],
  );
  assert.deepEqual(
    (await bus.read({ stream, filter, parser: Note, from: { seq: 1 }, limit: 1 })).map(({ seq }) => seq),
    [one.seq],
  );
  assert.deepEqual(
    await bus.read({ stream, filter: subjects.alert('nobody'), parser: Note, from: { seq: 1 }, limit: 10 }),
    [],
  );
  assert.equal((await bus.last({ stream, subject: filter, parser: Note }))?.seq, two.seq);
  assert.equal(await bus.last({ stream, subject: subjects.alert('nobody'), parser: Note }), null);
});

test('a body that does not parse is skipped by readers and followers, and counted', async (t) => {
  const bad = bus.counters.badBodies;
  const follower = follow(t, { seq: 1 });
  await bus.publish(subjects.alert('cam-1'), { nonsense: true }, trace, 'bad');
  const good = await write();
  await until('the good one came', () => follower.got.at(-1) === good.n);
  assert.equal((await bus.read({ stream, parser: Note, from: { seq: good.seq - 1 }, limit: 10 })).length, 1);
  assert.equal(bus.counters.badBodies, bad + 2);
});

test('a follower has everything from its place on, in order and once, over a killed server', async (t) => {
  const { n, seq } = await write();
  const old = follow(t, { seq });
  const fresh = follow(t, 'new');
  await until('the past came', () => old.got.length === 1);
  const early: number[] = [];
  await until('both follow', async () => {
    early.push((await write()).n);
    return old.got.at(-1) === early.at(-1) && fresh.got.at(-1) === early.at(-1);
  });
  const later: number[] = [];
  await outage(() => undefined);
  for (let i = 0; i < 50; i += 1)
    later.push(
      await until('written', () =>
        write().then(
          (stored) => stored.n,
          () => null,
        ),
      ),
    );
  await until('all came', () => old.got.at(-1) === later.at(-1) && fresh.got.at(-1) === later.at(-1));
  // A write whose answer the outage took may be there or not; what is there came once, in order.
  const stored = await bus.read({ stream, parser: Note, from: { seq }, limit: 1_000 });
  assert.deepEqual(
    old.got,
    stored.map(({ body }) => body.n),
  );
  assert.deepEqual(
    old.seqs,
    stored.map((each) => each.seq),
  );
  assert.equal(old.got[0], n);
  assert.deepEqual(fresh.got, old.got.slice(old.got.indexOf(fresh.got[0]!)));
  assert.deepEqual([...old.resets, ...fresh.resets], []);
});

test('a server that stood still goes on without a message lost or doubled', async (t) => {
  const { seq } = await write();
  const follower = follow(t, { seq });
  await until('follows', () => follower.got.length === 1);
  process.kill(pid(), 'SIGSTOP');
  const attempts = Promise.allSettled(Array.from({ length: 5 }, () => write()));
  // Longer than a follower believes in silence.
  await new Promise((resolve) => setTimeout(resolve, 3_500));
  process.kill(pid(), 'SIGCONT');
  await attempts;
  const last = await until('written', () =>
    write().then(
      (stored) => stored.n,
      () => null,
    ),
  );
  await until('all came', () => follower.got.at(-1) === last);
  assert.deepEqual(
    follower.seqs,
    (await bus.read({ stream, parser: Note, from: { seq }, limit: 100 })).map((each) => each.seq),
  );
});

test('messages that were gone before they were read are told', async (t) => {
  const { seq } = await write();
  const jsm = await nc.jetstreamManager();
  await jsm.streams.purge(stream);
  const { n } = await write();
  const follower = follow(t, { seq });
  await until('told and gone on', () => follower.got.at(-1) === n);
  assert.deepEqual(follower.resets, [
    `messages ${seq} to ${seq} of the stream ${stream} were gone before they were read`,
  ]);
});

test('after a lost data folder, streams and consumers are made anew and followed from their beginning', async (t) => {
  const epoch = await bus.streamEpoch(stream);
  assert.equal(await bus.streamEpoch(stream), epoch);
  const { seq } = await write();
  const follower = follow(t, { seq });
  await until('follows', () => follower.got.length === 1);
  await outage(() => rmSync(join(folder, 'jetstream'), { recursive: true }));
  const { n, seq: anew } = await until('written', () => write().catch(() => null));
  await until('goes on', () => follower.got.at(-1) === n);
  assert.ok(anew < seq);
  assert.deepEqual(follower.resets, [`the stream ${stream} was made anew`]);
  assert.notEqual(await bus.streamEpoch(stream), epoch);
});
