import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Msg, NatsConnection } from 'nats';
import { Wire } from '../../src/infra/nats/wire.ts';
import { until } from '../support/until.ts';

interface Sent {
  readonly subject: string;
  readonly reply: string | undefined;
}

/** A connection that notes what is published, turn by turn, and lets the test answer. */
function connection() {
  const turns: Sent[][] = [];
  let turn: Sent[] | null = null;
  let answer: (message: Msg) => void = () => assert.fail('nobody listens');
  let refuse: Error | null = null;
  const publish = (subject: string, _payload: unknown, options: { readonly reply?: string } = {}): void => {
    if (refuse !== null) throw refuse;
    if (turn === null) {
      turns.push((turn = []));
      setImmediate(() => (turn = null));
    }
    turn.push({ subject, reply: options.reply });
  };
  const subscribe = (_subject: string, { callback }: { readonly callback: (error: null, message: Msg) => void }) => {
    answer = (message) => callback(null, message);
    return {};
  };
  const message = (reply: string | undefined, body: string, code = 0): Msg =>
    ({ subject: reply, data: Buffer.from(body), headers: code === 0 ? undefined : { code } }) as unknown as Msg;
  return {
    wire: new Wire({ publish, subscribe } as unknown as NatsConnection),
    turns,
    reply: (to: Sent | undefined, body: string, code?: number) => answer(message(to?.reply, body, code)),
    refuse: (error: Error | null) => void (refuse = error),
  };
}

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('what is sent over one connection', () => {
  it('goes out together at the end of the turn, in order', async () => {
    const { wire, turns } = connection();
    wire.send('a', '1');
    await Promise.resolve();
    wire.send('b', '2');
    assert.equal(turns.length, 0);
    await endOfTurn();
    assert.deepEqual(
      turns.map((turn) => turn.map(({ subject }) => subject)),
      [['a', 'b']],
    );
  });

  it('leaves with the first request, which does not wait for the end of the turn; requests made in step leave together', async () => {
    const { wire, turns, reply } = connection();
    wire.send('ack', '1');
    const asking = ['a', 'b'].map(async (subject) => {
      await Promise.resolve();
      return wire.ask(subject, '', 1_000);
    });
    for (let microtask = 0; microtask < 4; microtask += 1) await Promise.resolve();
    assert.deepEqual(
      turns.map((turn) => turn.map(({ subject }) => subject)),
      [['ack', 'a', 'b']],
    );
    for (const sent of turns.flat().slice(1)) reply(sent, '');
    await Promise.all(asking);
  });

  it('leaves, when nobody waits for it, with the next that is sent, in order, or alone a moment later', async () => {
    const { wire, turns } = connection();
    const sent = () => turns.map((turn) => turn.map(({ subject }) => subject));
    wire.sendIdly('ack', '1');
    await Promise.resolve();
    assert.deepEqual(sent(), []);
    wire.send('a', '2');
    await endOfTurn();
    assert.deepEqual(sent(), [['ack', 'a']]);
    wire.sendIdly('ack', '3');
    wire.sendIdly('ack', '4');
    await until('they are alone', () => turns.length === 2);
    assert.deepEqual(sent()[1], ['ack', 'ack']);
  });

  it('leaves at once when the connection is about to be closed', () => {
    const { wire, turns } = connection();
    wire.send('a', '1');
    wire.flush();
    assert.equal(turns.flat().length, 1);
  });

  it('tells who sent it when it cannot be sent, and sends the others', async () => {
    const { wire, turns, refuse } = connection();
    const errors: unknown[] = [];
    refuse(new Error('too large'));
    wire.send('a', '1', {}, (error) => errors.push(error));
    const asked = assert.rejects(wire.ask('b', '2', 1_000), { message: 'too large' });
    await endOfTurn();
    await asked;
    refuse(null);
    wire.send('c', '3');
    await endOfTurn();
    assert.deepEqual([errors.length, turns.flat().map(({ subject }) => subject), wire.open], [1, ['c'], 0]);
  });
});

describe('requests over one inbox', () => {
  it('each get their own answer, in whatever order', async () => {
    const { wire, turns, reply } = connection();
    const [first, second] = [wire.ask('x', '', 1_000), wire.ask('y', '', 1_000)];
    await endOfTurn();
    const [x, y] = turns.flat();
    reply(y, 'of y');
    reply(x, 'of x');
    assert.deepEqual(
      [Buffer.from((await first).data).toString(), Buffer.from((await second).data).toString(), wire.open],
      ['of x', 'of y', 0],
    );
  });

  it('end when nobody is there to answer, when no answer comes, and when the connection is lost', async () => {
    const { wire, turns, reply } = connection();
    const nobody = wire.ask('nobody', '', 1_000);
    const silent = wire.ask('silent', '', 20);
    await endOfTurn();
    reply(turns.flat()[0], '', 503);
    await assert.rejects(nobody, { code: 'BUS_DOWN', message: 'nobody answers on nobody' });
    await assert.rejects(silent, { code: 'BUS_DOWN', message: 'no answer on silent in time' });
    const [open, unsent] = [wire.ask('open', '', 1_000), wire.ask('unsent', '', 1_000)];
    wire.cut(new Error('lost'));
    await Promise.all([assert.rejects(open, { message: 'lost' }), assert.rejects(unsent, { message: 'lost' })]);
    await endOfTurn();
    assert.deepEqual(
      turns.flat().map(({ subject }) => subject),
      ['nobody', 'silent'],
      'what was cut before it left does not leave',
    );
  });

  it("an answer that comes too late, or twice, is nobody's", async () => {
    const { wire, turns, reply } = connection();
    const late = wire.ask('late', '', 10);
    await endOfTurn();
    await assert.rejects(late, { code: 'BUS_DOWN' });
    reply(turns.flat()[0], 'at last');
    assert.equal(wire.open, 0);
  });
});
