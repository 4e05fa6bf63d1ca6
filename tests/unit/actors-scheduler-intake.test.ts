import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Intake } from '../../src/actors/scheduler/intake.ts';

const make = (): Intake<string> => new Intake<string>({ ageingMs: 1_000, quietMs: 10, batch: 4 });

/** All five levels are being fetched since `now`. */
function fetchAll(intake: Intake<string>, now: number): void {
  for (const { priority } of intake.fetches(100)) intake.fetching(priority, now);
}

describe('the intake', () => {
  it('fetches from every level at once, as many as there is room for and at least one', () => {
    const intake = make();
    assert.deepEqual(
      intake.fetches(50),
      [5, 4, 3, 2, 1].map((priority) => ({ priority, max: 4 })),
    );
    assert.deepEqual(
      intake.fetches(2).map(({ max }) => max),
      [2, 2, 2, 2, 2],
    );
    assert.deepEqual(
      intake.fetches(0).map(({ max }) => max),
      [1, 1, 1, 1, 1],
    );
    intake.fetching(5, 0);
    intake.fetching(3, 0);
    intake.fetched(3, ['a'], 0);
    // 5 is under way, 3 has something ready.
    assert.deepEqual(
      intake.fetches(50).map(({ priority }) => priority),
      [4, 2, 1],
    );
  });

  it('takes the urgent one first, first in first out inside a level', () => {
    const intake = make();
    for (const [priority, ids] of [
      [1, ['low']],
      [5, ['u1', 'u2']],
      [3, ['mid']],
    ] as const)
      intake.fetched(priority, ids, 100);
    const order: string[] = [];
    for (;;) {
      const taken = intake.take(100, true);
      if (taken.kind !== 'task') break;
      order.push(taken.delivery);
    }
    assert.deepEqual(order, ['u1', 'u2', 'mid', 'low']);
    assert.equal(intake.size, 0);
  });

  it('waits a moment for the higher levels to speak before it takes a lower one', () => {
    const intake = make();
    fetchAll(intake, 100);
    intake.fetched(1, ['low'], 102);
    assert.deepEqual(intake.take(102, true), { kind: 'wait', untilMs: 110 });
    intake.fetched(5, ['urgent'], 104);
    assert.deepEqual(intake.take(104, true), { kind: 'task', delivery: 'urgent' });
    intake.fetching(5, 104);
    assert.deepEqual(intake.take(110, true), { kind: 'wait', untilMs: 114 });
    assert.deepEqual(intake.take(114, true), { kind: 'task', delivery: 'low' });
  });

  it('waits for nobody while there are places to spare', () => {
    const intake = make();
    fetchAll(intake, 100);
    intake.fetched(1, ['low'], 102);
    assert.deepEqual(intake.take(102, false), { kind: 'task', delivery: 'low' });
  });

  it('does not wait for a level whose last fetch was empty or failed', () => {
    const intake = make();
    fetchAll(intake, 0);
    for (const priority of [5, 4, 3] as const) intake.fetched(priority, [], 50);
    intake.failed(2);
    fetchAll(intake, 50);
    intake.fetched(1, ['low'], 51);
    assert.deepEqual(intake.take(51, true), { kind: 'task', delivery: 'low' });
  });

  it('takes a low one before fresh urgent ones after a bounded wait', () => {
    const intake = make();
    intake.fetched(1, ['low'], 0);
    const order: string[] = [];
    for (let now = 0; order.at(-1) !== 'low' && now < 20_000; now += 100) {
      intake.fetched(5, [`u${now}`], now);
      const taken = intake.take(now, true);
      assert.ok(taken.kind === 'task');
      order.push(taken.delivery);
    }
    // 4 levels of 1 s; at 4000 the ranks are equal and the urgent one still goes first.
    assert.deepEqual(order.slice(-2), ['u4000', 'low']);
  });

  it('gives up what no longer counts', () => {
    const intake = make();
    intake.fetched(2, ['a', 'b', 'c'], 0);
    assert.deepEqual(
      intake.remove((one) => one === 'b'),
      ['b'],
    );
    assert.deepEqual(
      intake.remove(() => true),
      ['a', 'c'],
    );
  });
});
