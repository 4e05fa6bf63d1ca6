import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CallerMessage } from '../../src/actors/caller.ts';
import { callerClient } from '../../src/actors/scheduler/caller-client.ts';
import { Secret } from '../../src/keys/secret.ts';
import type { VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { monotonicMs } from '../../src/runtime/clock.ts';
import type { ActorRef } from '../../src/runtime/ref.ts';
import { plainTask } from '../support/assessment-task.ts';
import { GOOD } from '../support/scheduler.ts';

/** A caller whose asks are answered by hand. */
function heldCaller() {
  const open = new Map<string, PromiseWithResolvers<unknown>>();
  const told: string[] = [];
  const ref = {
    path: '/caller',
    tell: ({ type }: CallerMessage) => {
      told.push(type);
      return 'accepted';
    },
    ask: ({ type }: CallerMessage) => {
      const asked = Promise.withResolvers<unknown>();
      open.set(type, asked);
      return asked.promise;
    },
  } as unknown as ActorRef<CallerMessage>;
  return {
    client: callerClient(ref),
    told,
    answer: (type: 'call' | 'sent', value: unknown) => open.get(type)!.resolve(value),
    refuse: (message: string) => [...open.values()].forEach(({ reject }) => reject(new Error(message))),
  };
}

const request = (more: Partial<VlmRequest> = {}): VlmRequest => ({
  access: {
    keyName: 'k1',
    secret: new Secret('s'),
    baseUrl: 'http://127.0.0.1:1/v1',
    model: 'm',
    responseFormat: 'none',
  },
  prompt: buildPrompt(plainTask(), 'en'),
  pictures: [{ jpeg: new Uint8Array([255, 216]), caption: '' }],
  traceId: 'a'.repeat(32),
  timeoutMs: 5_000,
  ...more,
});
const kindOf = (reply: VlmReply): string => (reply.ok ? 'ok' : reply.failure.kind);

describe('calls that the caller makes', () => {
  it('the answer comes after the word that the call was sent, and with the time since then', async () => {
    const caller = heldCaller();
    const seen: unknown[] = [];
    const calling = caller.client
      .call(request({ onSent: (agoMs) => void seen.push(agoMs >= 40 && agoMs < 5_000) }))
      .then((reply) => void seen.push(kindOf(reply)));
    caller.answer('call', GOOD);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(seen, []);
    caller.answer('sent', { at: monotonicMs() - 40, delayMs: 7 });
    await calling;
    assert.deepEqual(seen, [true, 'ok']);
  });

  it('one that was never sent counts for nothing', async () => {
    const caller = heldCaller();
    let sent = 0;
    const calling = caller.client.call(request({ onSent: () => void (sent += 1) }));
    caller.answer('sent', null);
    caller.answer('call', {
      ok: false,
      failure: { kind: 'network', message: 'refused' },
      promptTokens: 0,
      completionTokens: 0,
    });
    assert.equal(kindOf(await calling), 'network');
    assert.equal(sent, 0);
  });

  it('one that is lost with its thread counts as sent: it may have been', async () => {
    const caller = heldCaller();
    let sent = 0;
    const calling = caller.client.call(request({ onSent: () => void (sent += 1) }));
    caller.refuse('/caller ended before it answered');
    const reply = await calling;
    assert.ok(!reply.ok && reply.failure.kind === 'network' && /in Gantry itself: .*ended/.test(reply.failure.message));
    assert.equal(sent, 1);
  });

  it('one that is given up does not wait for a caller that stands still, and counts as sent', async () => {
    const caller = heldCaller();
    const controller = new AbortController();
    let sent = 0;
    const calling = caller.client.call(request({ signal: controller.signal, onSent: () => void (sent += 1) }));
    controller.abort();
    assert.equal(kindOf(await calling), 'abandoned');
    assert.deepEqual({ sent, told: caller.told }, { sent: 1, told: ['give-up'] });
    caller.answer('sent', { at: monotonicMs(), delayMs: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(sent, 1);
  });
});
