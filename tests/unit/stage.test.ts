import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANY_BODY, type Bus, type Delivery } from '../../src/infra/bus.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { Stage } from '../../src/infra/stage.ts';
import { DONE, type Handle } from '../../src/infra/stage-processor.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

const DOWN = new InfraError('BUS_DOWN', 'no server');
const trace = { traceId: 'a'.repeat(32), cameraId: 'cam-1', requestId: 'r' };

/** A stage on a consumer in memory. `said`: settlements and publications, in order. */
function started(inFlight: number, handle: Handle<unknown>) {
  const clock = new ManualClock();
  const log = memoryLog();
  const end = new AbortController();
  const said: string[] = [];
  const requested: number[] = [];
  const queue: Delivery<unknown>[] = [];
  const bus = { receiving: true, publishing: true };
  let wake = (): void => undefined;
  const give = async (name: string, attempt = 1): Promise<void> => {
    queue.push({
      body: name,
      subject: 's',
      seq: 1,
      storedAt: 0,
      attempt,
      begin: () => undefined,
      ack: () => void said.push(`ack ${name}`),
      nak: (ms) => void said.push(`nak ${name} ${ms}`),
      deadLetter: async (reason) => void said.push(`dead letter ${name}: ${reason}`),
      working: () => void said.push(`working ${name}`),
    });
    wake();
    await settle();
    await settle();
  };
  const consumer = {
    receive: async function* (max: number, waitMs: number, signal?: AbortSignal) {
      requested.push(max);
      for (let left = max; left > 0 && signal?.aborted !== true; left -= 1) {
        if (!bus.receiving) throw DOWN;
        if (queue.length === 0)
          await new Promise<void>((resolve) => {
            wake = resolve;
            clock.setTimeout(resolve, waitMs);
            signal?.addEventListener('abort', () => resolve(), { once: true });
          });
        const next = queue.shift();
        if (next === undefined) return;
        yield next;
      }
    },
    fetch: () => Promise.resolve([]),
    lag: () => Promise.resolve({ waiting: 0, unsettled: 0 }),
    close: () => Promise.resolve(),
  };
  const stage = new Stage({
    ctx: { clock, log, signal: end.signal, fail: (error) => assert.fail(error) },
    bus: {
      state: () => 'connected',
      pull: () => Promise.resolve(consumer),
      publish: (_: string, body: unknown) => {
        if (!bus.publishing) return Promise.reject(DOWN);
        said.push(`publish ${String(body)}`);
        return Promise.resolve({ seq: 1, duplicate: false });
      },
    } as unknown as Bus,
    stream: 'S',
    durable: 'worker',
    parser: ANY_BODY,
    inFlight,
    handle,
  });
  return { clock, log, end, said, requested, bus, give, stage, queue };
}
const publishIt: Handle<unknown> = ({ body }) => ({
  kind: 'publish',
  messages: [{ subject: 'out', body: String(body), trace, id: String(body) }],
});

test('never more messages are asked for than there is room for', async () => {
  const ends: (() => void)[] = [];
  const { give, requested, stage, queue, said } = started(
    2,
    () => new Promise((resolve) => ends.push(() => resolve(DONE))),
  );
  for (const name of ['a', 'b', 'c']) await give(name);
  assert.equal(stage.unacked, 2);
  assert.equal(queue.length, 1, 'the third stays for other nodes');
  ends[0]?.();
  await settle();
  await settle();
  assert.deepEqual(requested, [2, 1]);
  assert.deepEqual(said, ['ack a']);
  assert.equal(stage.unacked, 2);
});

test('a message is acked after what came out of it is published', async () => {
  const { give, said } = started(4, publishIt);
  await give('a');
  assert.deepEqual(said, ['publish a', 'ack a']);
});

test('a failing message comes again with back-off; its tenth delivery is a dead letter; others flow', async () => {
  const { give, said, log } = started(4, ({ body }) => {
    if (body === 'bad') throw new Error('odd');
    return DONE;
  });
  await give('bad', 1);
  await give('good');
  await give('bad', 4);
  await give('bad', 10);
  assert.deepEqual(said, [
    'nak bad 500',
    'ack good',
    'nak bad 4000',
    'dead letter bad: its handling failed 10 times: odd',
  ]);
  assert.equal(log.lines.filter(({ level }) => level === 'error').length, 2);
});

test('while NATS takes no messages they wait, in progress, and go out once when it does; said once', async () => {
  const { give, said, bus, clock, log } = started(4, publishIt);
  bus.publishing = false;
  await give('a');
  await give('b');
  await clock.advance(3_100);
  assert.deepEqual(said, ['working a', 'working b']);
  bus.publishing = true;
  await clock.advance(500);
  assert.deepEqual(said.slice(2).toSorted(), ['ack a', 'ack b', 'publish a', 'publish b']);
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    ['worker waits for NATS: no server', 'worker goes on'],
  );
});

test('while nothing can be received it asks again every half second, says so once, and goes on', async () => {
  const { give, said, bus, clock, log, requested } = started(1, () => DONE);
  await give('a');
  bus.receiving = false;
  await clock.advance(20_000);
  const asked = requested.length;
  assert.ok(asked > 10 && asked < 50, `${asked} requests`);
  bus.receiving = true;
  await clock.advance(500);
  await give('b');
  assert.deepEqual(said, ['ack a', 'ack b']);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['warn', 'info'],
  );
});

test('at a stop the handling that ends in time settles, the rest is handed back and has no effect later', async () => {
  const ends = new Map<unknown, () => void>();
  const { give, said, end, stage, clock } = started(
    4,
    ({ body }) => new Promise((resolve) => ends.set(body, () => resolve(DONE))),
  );
  await give('quick');
  await give('slow');
  end.abort();
  const stopping = stage.stop(1_000);
  ends.get('quick')?.();
  await settle();
  assert.deepEqual(said, ['ack quick']);
  await clock.advance(1_000);
  await stopping;
  ends.get('slow')?.();
  await give('late');
  assert.deepEqual(said.slice(0, 2), ['ack quick', 'nak slow 0']);
  assert.ok(!said.includes('ack slow') && !said.includes('ack late'));
});

test('at a stop without NATS nothing waits: the messages are handed back at once', async () => {
  const { give, said, end, stage, bus } = started(4, publishIt);
  bus.publishing = false;
  await give('a');
  end.abort();
  await stage.stop(60_000);
  assert.deepEqual(said, ['nak a 0']);
});
