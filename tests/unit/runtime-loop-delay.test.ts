import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { monotonicMs } from '../../src/runtime/clock.ts';
import { LoopDelay } from '../../src/runtime/loop-delay.ts';

function block(ms: number): void {
  const until = monotonicMs() + ms;
  while (monotonicMs() < until);
}

describe('the delay of the event loop', () => {
  it('shows while the loop is late, and afterwards for a while', async (t) => {
    const loop = new LoopDelay(60_000);
    t.after(() => loop.stop());
    await new Promise((resolve) => setTimeout(resolve, 50));
    block(150);
    assert.ok(loop.mostMs() >= 100, 'it is late now');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(loop.mostMs() >= 100, 'it was late');
  });

  it('is forgotten', async (t) => {
    const loop = new LoopDelay(200);
    t.after(() => loop.stop());
    block(400);
    assert.ok(loop.mostMs() >= 300);
    while (loop.mostMs() >= 300) await new Promise((resolve) => setTimeout(resolve, 50));
  });
});
