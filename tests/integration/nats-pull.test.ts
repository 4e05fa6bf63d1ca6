import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, nanos, type NatsConnection } from 'nats';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import type { Delivery, PullConsumer } from '../../src/infra/bus.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { Detection } from '../../src/messages/detection.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { memoryLog } from '../support/log.ts';
import { fetched } from '../support/fetched.ts';
import { detection } from '../support/samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const log = memoryLog();
let folder: string;
let server: EmbeddedService;
let bus: NatsBus;
let beside: NatsConnection;
/** Orders seen on the wire, by consumer. */
const orders = new Map<string, number>();

before(async () => {
  folder = temporaryFolder();
  server = await startNatsServer({ dataDir: folder, log });
  bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
  beside = await connect(natsOptions(server.url));
  // Far longer than what is at once takes on a busy machine.
  await (
    await beside.jetstreamManager()
  ).consumers.update(streams.detections, durable, {
    ack_wait: nanos(ACK_WAIT_MS),
  });
  beside.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', {
    callback: (_, { subject }) => void orders.set(subject, (orders.get(subject) ?? 0) + 1),
  });
  await beside.flush();
});
after(async () => {
  await beside.close();
  await bus.close();
  await server.stop();
});

const durable = consumers.taskGenerator;
/** A message that was sent and is neither settled nor handed back comes again only after this. */
const ACK_WAIT_MS = 120_000;
/** What takes this long waited for a time-out: even a busy machine needs far less. */
const TOO_LONG_MS = 30_000;
const ordersSeen = async (): Promise<number> => {
  await beside.flush();
  return orders.get(`$JS.API.CONSUMER.MSG.NEXT.${streams.detections}.${durable}`) ?? 0;
};
const open = (): Promise<PullConsumer<Detection>> =>
  bus.pull({ stream: streams.detections, durable, parser: Detection });

async function publish(count: number): Promise<string[]> {
  const frames = Array.from({ length: count }, () => detection(1));
  await Promise.all(
    frames.map((frame) => bus.publish(subjects.detection(frame.cameraId), frame, frame, frame.requestId)),
  );
  return frames.map(({ requestId }) => requestId);
}

/** Acks every delivery and adds its id. */
async function collect(deliveries: AsyncIterable<Delivery<Detection>>, ids: string[]): Promise<void> {
  for await (const delivery of deliveries) {
    ids.push(delivery.body.requestId);
    delivery.ack();
  }
}

/** Takes so many, acking each; the ids in the order they came. */
async function take(consumer: PullConsumer<Detection>, count: number, batch = 10): Promise<string[]> {
  const ids: string[] = [];
  if (count === 0) return ids;
  await until(`${count} messages`, async () => {
    for (const delivery of await consumer.fetch(batch, 500)) {
      ids.push(delivery.body.requestId);
      delivery.ack();
    }
    return ids.length >= count;
  });
  return ids;
}

describe('a pull that orders nothing ahead', () => {
  it('costs one order for each message that comes alone', async (t) => {
    const consumer = await open();
    t.after(() => consumer.close());
    assert.deepEqual(await consumer.fetch(10, 20), [], 'and now it knows that there is nothing');
    const earlier = await ordersSeen();
    for (let each = 0; each < 5; each += 1) {
      const waiting = consumer.fetch(10, TOO_LONG_MS);
      const [id] = await publish(1);
      const [delivery] = await waiting;
      assert.equal(delivery?.body.requestId, id);
      delivery?.ack();
    }
    assert.equal((await ordersSeen()) - earlier, 5);
  });

  it('brings a crowd in two: the first that woke it, then all others', async (t) => {
    const consumer = await open();
    t.after(() => consumer.close());
    await publish(6);
    const sizes: number[] = [];
    await until('all six', async () => {
      const batch = await consumer.fetch(10, TOO_LONG_MS);
      for (const delivery of batch) delivery.ack();
      sizes.push(batch.length);
      return sizes.reduce((sum, size) => sum + size, 0) >= 6;
    });
    assert.ok(sizes.length <= 2, `${sizes.join(', ')} at once`);
  });

  it('leaves everything that is not fetched to others', async (t) => {
    const one = await open();
    t.after(() => one.close());
    const other = await open();
    t.after(() => other.close());
    const waiting = one.fetch(10, TOO_LONG_MS);
    const ids = await publish(4);
    const first = await waiting;
    const own = first.map(({ body }) => body.requestId);
    for (const delivery of first) delivery.ack();
    const rest = ids.filter((id) => !own.includes(id));
    assert.deepEqual((await take(other, rest.length)).toSorted(), rest.toSorted());
  });

  it('serves two fetches at once', async (t) => {
    const consumer = await open();
    t.after(() => consumer.close());
    await consumer.fetch(1, 20);
    const waiting = consumer.fetch(1, TOO_LONG_MS);
    const ids = await publish(2);
    const [got, more] = await Promise.all([waiting, until('the second', async () => (await consumer.fetch(5, 0))[0])]);
    assert.deepEqual([got[0]?.body.requestId, more.body.requestId].toSorted(), ids.toSorted());
    got[0]?.ack();
    more.ack();
  });

  it('does not keep its messages back for others that another fetch has taken', async (t) => {
    const consumer = await open();
    t.after(() => consumer.close());
    const waitMs = 3_000;
    const times: number[] = [];
    // Of several rounds one is enough: the machine may be busy, and one fetch may have got all messages.
    while (times.length < 8 && !times.some((ms) => ms < waitMs / 2)) {
      const fetches = [consumer.fetch(10, waitMs), consumer.fetch(10, waitMs)];
      await sleep(50);
      const began = performance.now();
      const ids = await publish(4);
      const got = (await Promise.all(fetches)).flat();
      times.push(performance.now() - began);
      for (const delivery of got) delivery.ack();
      const own = got.map(({ body }) => body.requestId);
      const rest = await take(consumer, ids.length - own.length);
      assert.deepEqual([...own, ...rest].toSorted(), ids.toSorted());
    }
    assert.ok(Math.min(...times) < waitMs / 2, `took ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  });
});

describe('a receive', () => {
  it('delivers at most what was asked for, and at most 64 messages', async (t) => {
    const consumer = await open();
    t.after(() => consumer.close());
    const ids = await publish(70);
    const received: string[] = [];
    const receive = async (max: number): Promise<number> => {
      const earlier = received.length;
      await collect(consumer.receive(max, 3_000), received);
      return received.length - earlier;
    };
    assert.deepEqual({ three: await receive(3), hundred: await receive(100) }, { three: 3, hundred: 64 });
    received.push(...(await take(consumer, 3)));
    assert.deepEqual(received.toSorted(), ids.toSorted(), 'each once');
  });

  it('hands back what its caller does not take: others get it at once, not after the ack wait', async (t) => {
    const [consumer, other] = [await open(), await open()];
    t.after(() => Promise.all([consumer.close(), other.close()]));
    // Left at once, messages still come in while the request ends; left later, all are here.
    for (const pauseMs of [0, 100]) {
      const ids = await publish(20);
      let first: string | undefined;
      for await (const delivery of consumer.receive(20, TOO_LONG_MS)) {
        first = delivery.body.requestId;
        delivery.ack();
        await sleep(pauseMs);
        break;
      }
      const began = performance.now();
      const rest: Delivery<Detection>[] = [];
      await until('all others', async () => {
        const batch = await other.fetch(20, 500);
        for (const delivery of batch) delivery.ack();
        return rest.push(...batch) >= 19;
      });
      assert.ok(performance.now() - began < TOO_LONG_MS);
      assert.deepEqual([first, ...rest.map(({ body }) => body.requestId)].toSorted(), ids.toSorted());
      assert.ok(
        rest.some(({ attempt }) => attempt === 2),
        'some had been sent to the first',
      );
    }
  });

  it('ends at once when it is aborted while it waits, and takes no message with it', async (t) => {
    const [consumer, other] = [await open(), await open()];
    t.after(() => Promise.all([consumer.close(), other.close()]));
    const abort = new AbortController();
    const began = performance.now();
    const received: string[] = [];
    const waiting = collect(consumer.receive(10, ACK_WAIT_MS, abort.signal), received);
    await sleep(50);
    abort.abort();
    await waiting;
    await collect(consumer.receive(10, ACK_WAIT_MS, AbortSignal.abort()), received);
    assert.ok(performance.now() - began < TOO_LONG_MS);
    assert.deepEqual(received, []);
    const ids = await publish(1);
    const [delivery] = await fetched(other, 1);
    assert.deepEqual({ id: delivery?.body.requestId, attempt: delivery?.attempt }, { id: ids[0], attempt: 1 });
    delivery?.ack();
  });

  it('loses no message that is under way when it is aborted', async (t) => {
    const [consumer, other] = [await open(), await open()];
    t.after(() => Promise.all([consumer.close(), other.close()]));
    for (let round = 0; round < 20; round += 1) {
      const abort = new AbortController();
      const received: string[] = [];
      const receiving = collect(consumer.receive(1, TOO_LONG_MS, abort.signal), received);
      await sleep(10);
      const publishing = publish(1);
      await sleep(round / 4);
      abort.abort();
      await receiving;
      const ids = await publishing;
      if (received.length === 0) received.push(...(await take(other, 1, 1)));
      assert.deepEqual(received, ids, `round ${round}`);
    }
  });
});

/** Takes until this one came: a server that was killed may deliver again what was acked just before. */
async function takeUntil(consumer: PullConsumer<Detection>, id: string | undefined): Promise<void> {
  await until(`message ${id}`, async () => {
    const batch = await consumer.fetch(10, 500);
    for (const delivery of batch) delivery.ack();
    return batch.some(({ body }) => body.requestId === id);
  });
}

it('two consumers go on by themselves after the server was killed', async (t) => {
  const [standing, plain] = [await open(), await open()];
  t.after(() => plain.close());
  const [first] = await publish(1);
  await takeUntil(standing, first);
  const pid = server.pid();
  assert.ok(pid);
  const waiting = standing.fetch(1, ACK_WAIT_MS);
  process.kill(pid, 'SIGKILL');
  await assert.rejects(waiting, { code: 'BUS_DOWN' });
  // At once, not after the wait.
  await Promise.all(
    [standing, plain].map((consumer) => assert.rejects(consumer.fetch(1, ACK_WAIT_MS), { code: 'BUS_DOWN' })),
  );
  await until('reconnected', () => bus.state() === 'connected');
  const [id] = await until('published', () => publish(1).catch(() => null));
  await takeUntil(standing, id);
  await standing.close();
  const [next] = await publish(1);
  await takeUntil(plain, next);
});
