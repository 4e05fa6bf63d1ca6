import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessByModel } from '../../src/actors/scheduler/assess.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import { cropImageId, newRequestId, ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import { settle } from '../../src/runtime/testing/manual-clock.ts';
import { plainTask } from '../support/assessment-task.ts';
import {
  answered,
  assess,
  DANGER,
  failed,
  type Failure,
  makeWorld,
  refused,
  TIMEOUT,
  traced,
  withoutWait,
} from '../support/assess-world.ts';

/** The marks of an answer of the rules. */
const rulesOf = (result: AssessmentResult | null) => ({
  source: result?.source,
  code: result?.degradedReason?.code,
  reason: result?.results[0]?.reason,
  riskLevel: result?.results[0]?.riskLevel,
});

describe('assessing one task', () => {
  it('takes picture, lease, call and settlement once when all goes well', async () => {
    const { result, seen, task } = await assess({ replies: [answered()] });
    assert.equal(result?.results[0]?.riskLevel, 'high');
    assert.deepEqual(withoutWait(result), {
      llmLatency: 1,
      llmModel: 'm-2026',
      apiKeyId: 'k1',
      retryCount: 0,
      promptTokens: 100,
      completionTokens: 20,
      calls: [traced('k1', 'ok')],
    });
    assert.deepEqual(
      { taskId: result?.taskId, traceId: result?.traceId, source: result?.source },
      { taskId: task.taskId, traceId: task.traceId, source: 'vlm' },
    );
    assert.deepEqual({ sent: seen.sent, settled: seen.settled }, { sent: ['l-1'], settled: [['l-1', 'ok', 'key']] });
    assert.deepEqual(
      { deadline: seen.leases[0]?.deadline, priority: seen.leases[0]?.priority, traceId: seen.calls[0]?.traceId },
      { deadline: Date.parse(task.expiresAt), priority: 3, traceId: task.traceId },
    );
    assert.deepEqual(seen.counted, ['ok 1']);
  });

  it('answers by rules without a call: expired, no crop, crop gone, no key', async () => {
    for (const [world, task, code] of [
      [{}, plainTask({ expiresAt: Date.now() - 1 }), 'expired'],
      [{}, plainTask({ noCrop: true }), 'no-image'],
      [{ image: null }, plainTask(), 'no-image'],
      [{ leases: [refused('deadline')] }, plainTask(), 'no-lease'],
      [{ leases: [refused('queue-full')] }, plainTask(), 'no-lease'],
    ] as const) {
      const { result, seen } = await assess(world, task);
      assert.deepEqual(
        { ...rulesOf(result), calls: seen.calls.length },
        { source: 'rules', code, reason: code, riskLevel: 'none', calls: 0 },
      );
      const picture = await assess(world, { ...task, cameraId: ON_DEMAND_CAMERA });
      assert.deepEqual(
        { code: picture.result?.error?.code, riskLevel: picture.result?.results[0]?.riskLevel },
        { code, riskLevel: 'unknown' },
      );
    }
  });

  it('reads the picture while it waits for a key; a key without its picture is given back unused', async () => {
    const { context, seen, clock } = makeWorld({ replies: [answered()], imageAfterMs: 100 });
    const soon = assessByModel(plainTask(), context);
    await settle();
    assert.deepEqual(
      { images: seen.images, leases: seen.leases.length, calls: seen.calls.length },
      { images: 1, leases: 1, calls: 0 },
    );
    await clock.advance(100);
    await clock.advance(1_000);
    const result = await soon;
    assert.deepEqual(
      { leaseMs: result?.metadata.calls?.[0]?.leaseMs, sendMs: result?.metadata.calls?.[0]?.sendMs },
      { leaseMs: 0, sendMs: 100 },
    );
    const { seen: gone } = await assess({ image: null });
    assert.deepEqual({ settled: gone.settled, sent: gone.sent }, { settled: [['l-1', 'abandoned', 'key']], sent: [] });
  });

  it('shows earlier moments that are stored, newest first, without those that are gone or do not come', async () => {
    const plain = plainTask();
    const at = Date.parse(plain.timestamp);
    const [first, second] = [cropImageId(newRequestId(), 3), cropImageId(newRequestId(), 1)];
    const moment = (cropId: string, ago: number) => ({ cropId, timestamp: new Date(at - ago).toISOString() });
    const task = { ...plain, group: { ...plain.group, earlier: [moment(first, 900), moment(second, 1_800)] } };
    const [one, two] = [Uint8Array.of(11), Uint8Array.of(12)];
    for (const [earlier, sent] of [
      [{ [first]: one, [second]: two }, [1, 11, 12]],
      [{ [second]: two }, [1, 12]],
      [{}, [1]],
    ] as const) {
      const { seen } = await assess({ replies: [answered()], earlier }, task);
      assert.deepEqual(
        seen.calls[0]?.pictures.map(({ jpeg }) => jpeg[0]),
        sent,
      );
      assert.equal(
        seen.calls[0]?.pictures.length === 1 || /Picture 2: /.test(seen.calls[0]?.pictures[1]?.caption ?? ''),
        true,
      );
    }
    const { context, seen, clock } = makeWorld({ replies: [answered()], earlier: { [first]: 'hangs' } });
    const result = assessByModel(task, context);
    await settle();
    assert.equal(seen.calls.length, 0, 'they get a moment');
    await clock.advance(60);
    assert.equal((await result)?.source, 'vlm');
    assert.deepEqual([seen.calls.length, seen.calls[0]?.pictures.length, seen.leases.length], [1, 1, 1]);
    assert.ok((seen.leases[0]?.tokens?.prompt ?? 0) > 3 * 1_280, 'every picture that may be sent is reserved for');
  });

  it("asks with the operator's texts, and says with the answer by which instructions it was asked", async () => {
    const prompts = { text: 'Trams go first.', kinds: {} };
    const told = await assess({ replies: [answered()], prompts });
    const without = await assess({ replies: [answered()] });
    assert.match(told.seen.calls[0]?.prompt.system ?? '', /Trams go first/);
    const hashes = [told, without].map(({ result }) => result?.results[0]?.promptHash);
    assert.equal(hashes[0], buildPrompt(told.task, 'en', prompts).hash);
    assert.equal(hashes[1], buildPrompt(without.task, 'en').hash);
    const unsure = await assess({ replies: [answered('unknown')], prompts });
    assert.equal(unsure.result?.results[0]?.promptHash, hashes[0], 'the model that cannot tell was asked too');
    const rules = await assess({ leases: [refused('no-keys')] });
    assert.deepEqual([rules.result?.source, rules.result?.results[0]?.promptHash], ['rules', undefined]);
  });

  it('gives key and slot back when the picture takes long, and asks for one again when it is there', async () => {
    const { context, seen, clock } = makeWorld({ replies: [answered()], imageAfterMs: 3_000 });
    const late = assessByModel(plainTask(), context);
    await clock.advance(1_000);
    assert.deepEqual(
      { leases: seen.leases.length, settled: seen.settled, asides: seen.asides },
      { leases: 1, settled: [['l-1', 'abandoned', 'key']], asides: 1 },
    );
    await clock.advance(2_000);
    await clock.advance(1_000);
    assert.equal((await late)?.results[0]?.riskLevel, 'high');
    assert.deepEqual(
      { images: seen.images, leases: seen.leases.length, settled: seen.settled.at(-1) },
      { images: 1, leases: 2, settled: ['l-2', 'ok', 'key'] },
    );
  });

  it('tries again on another key each time, at most twice, and adds up what it cost', async () => {
    const network: Failure = { kind: 'network', message: 'reset' };
    const { result, seen } = await assess({
      replies: [failed(network), failed({ kind: 'rate-limited', retryAfterMs: 5, message: 'slow' }), answered('none')],
    });
    assert.deepEqual(
      seen.leases.map((lease) => lease.exclude),
      [[], ['k1'], ['k1', 'k2']],
    );
    assert.deepEqual(withoutWait(result), {
      llmLatency: 3,
      llmModel: 'm-2026',
      apiKeyId: 'k3',
      retryCount: 2,
      promptTokens: 110,
      completionTokens: 22,
      calls: [traced('k1', 'network'), traced('k2', 'rate-limited'), traced('k3', 'ok')],
    });
    assert.equal(seen.retries, 2);
    const lost = await assess({ replies: [failed(network), failed(network), failed(network)] });
    assert.deepEqual(
      { degraded: lost.result?.degraded, calls: lost.seen.calls.length, retryCount: lost.result?.metadata.retryCount },
      { degraded: true, calls: 3, retryCount: 2 },
    );
  });

  for (const [failure, code] of [
    [{ kind: 'rate-limited', retryAfterMs: null, message: '' }, 'rate-limited'],
    [{ kind: 'rejected-request', status: 400, message: '' }, 'rejected'],
    [{ kind: 'unreadable', message: '' }, 'unreadable-answer'],
  ] as const satisfies readonly (readonly [Failure, string])[]) {
    it(`${failure.kind} to the end is answered by rules, code ${code}`, async () => {
      const { result } = await assess({ replies: [failed(failure)], maxRetries: 0 });
      assert.deepEqual(rulesOf(result), { source: 'rules', code, reason: code, riskLevel: 'none' });
    });
  }

  it('blames the request when it times out on two keys: the second is spared, the first forgiven once', async () => {
    const { seen } = await assess({ replies: [failed(TIMEOUT), failed(TIMEOUT), failed(TIMEOUT)] });
    assert.deepEqual(
      seen.settled.map(([, , blame]) => blame),
      ['key', 'request', 'request'],
    );
    assert.deepEqual(seen.forgiven, ['k1']);
  });

  it('does not blame the request for different failures, nor for a lost network', async () => {
    const { seen } = await assess({
      replies: [failed(TIMEOUT), failed({ kind: 'server-error', status: 502, message: '' }), answered()],
    });
    assert.deepEqual(
      { settled: seen.settled.map(([, , blame]) => blame), forgiven: seen.forgiven },
      { settled: ['key', 'key', 'key'], forgiven: [] },
    );
    const net: Failure = { kind: 'network', message: '' };
    assert.deepEqual((await assess({ replies: [failed(net), failed(net), answered()] })).seen.forgiven, []);
  });

  it('sends a request that was refused twice no third time', async () => {
    const bad: Failure = { kind: 'rejected-request', status: 400, message: 'bad picture' };
    const { result, seen } = await assess({ replies: [failed(bad), failed(bad)] });
    assert.deepEqual(
      { reason: result?.degradedReason, calls: seen.calls.length },
      { reason: { code: 'rejected', message: 'bad picture' }, calls: 2 },
    );
  });

  it('keeps the key and the attempts when only parameters were refused, but does not step down for ever', async () => {
    const step: Failure = { kind: 'stepped-down', message: 'response_format' };
    const steps = Array.from({ length: 5 }, () => failed(step));
    const { result, seen } = await assess({ replies: [...steps, answered()] });
    assert.deepEqual(
      seen.leases.map((lease) => lease.exclude),
      Array.from({ length: 6 }, () => []),
    );
    assert.deepEqual(
      { error: result?.error, retryCount: result?.metadata.retryCount },
      { error: undefined, retryCount: 5 },
    );
    const endless = await assess({ replies: Array.from({ length: 40 }, () => failed(step)) });
    assert.deepEqual(
      { calls: endless.seen.calls.length, source: endless.result?.source, degraded: endless.result?.degraded },
      { calls: 11, source: 'rules', degraded: true },
    );
  });

  it('sends a picture that is refused to no other key; rules judge and say why', async () => {
    const { result, seen } = await assess({ replies: [failed({ kind: 'content-refused', message: 'inappropriate' })] });
    assert.deepEqual(
      { calls: seen.calls.length, settled: seen.settled },
      { calls: 1, settled: [['l-1', 'content-refused', 'key']] },
    );
    assert.deepEqual(
      { source: result?.source, degraded: result?.degraded, error: result?.error },
      { source: 'rules', degraded: true, error: undefined },
    );
    assert.deepEqual(result?.degradedReason, { code: 'content-refused', message: 'inappropriate' });
  });

  it('makes one call, not three, when the tokens went into reasoning', async () => {
    const { result, seen } = await assess({
      replies: [failed({ kind: 'unreadable', reason: 'reasoning-only', message: 'all reasoning' })],
    });
    assert.deepEqual(
      { calls: seen.calls.length, source: result?.source, code: result?.degradedReason?.code },
      { calls: 1, source: 'rules', code: 'unreadable-answer' },
    );
  });

  for (const reason of ['cut-off', 'bad-level'] as const) {
    it(`asks once more after ${reason}, then rules answer`, async () => {
      const unclear = failed({ kind: 'unreadable', reason, message: 'unclear' });
      const { result, seen } = await assess({ replies: [unclear, unclear, answered('none')] });
      assert.deepEqual(
        { ...rulesOf(result), calls: seen.calls.length },
        { source: 'rules', code: 'unreadable-answer', reason: 'unreadable-answer', riskLevel: 'none', calls: 2 },
      );
      assert.equal((await assess({ replies: [unclear, answered('high')] })).result?.results[0]?.riskLevel, 'high');
      const danger = (await assess({ replies: [unclear, unclear] }, DANGER())).result;
      assert.deepEqual(
        { riskLevel: danger?.results[0]?.riskLevel, source: danger?.source, message: danger?.degradedReason?.message },
        { riskLevel: 'high', source: 'rules', message: 'unclear' },
      );
    });
  }

  it('gives a call up when the task ends during it, and blames no key', async () => {
    const { result, seen } = await assess({
      replies: ['until-aborted'],
      duringCall: ({ clock }) => void clock.advance(120_000),
    });
    assert.deepEqual(
      { code: result?.degradedReason?.code, settled: seen.settled },
      { code: 'expired', settled: [['l-1', 'abandoned', 'key']] },
    );
  });

  it("a call that hung for long until the task ended is the provider's time-out, and rules judge", async () => {
    const { result, seen } = await assess(
      { replies: ['until-aborted'], sentFirst: true, duringCall: ({ clock }) => void clock.advance(120_000) },
      DANGER(),
    );
    assert.deepEqual(
      { source: result?.source, degraded: result?.degraded, settled: seen.settled.map(([, kind]) => kind) },
      { source: 'rules', degraded: true, settled: ['timeout'] },
    );
  });

  it('goes back to the bus unanswered when the scheduler stops', async () => {
    const stopped = await assess({ replies: ['until-aborted'], duringCall: ({ abort }) => abort.abort() });
    assert.deepEqual(
      { result: stopped.result, settled: stopped.seen.settled.map(([, kind]) => kind) },
      { result: null, settled: ['abandoned'] },
    );
    // A call that was under way may finish; a retry is not begun, and a lease that just came is given back.
    const retry = await assess({ replies: [failed(TIMEOUT)], duringCall: ({ closing }) => closing.abort() });
    assert.deepEqual(
      { result: retry.result, settled: retry.seen.settled.map(([, kind]) => kind) },
      { result: null, settled: ['timeout'] },
    );
    const leased = await assess({ onLease: ({ closing }) => closing.abort() });
    assert.deepEqual(
      { result: leased.result, settled: leased.seen.settled.map(([, kind]) => kind) },
      { result: null, settled: ['abandoned'] },
    );
    const done = await assess({ replies: [answered()], duringCall: ({ closing }) => closing.abort() });
    assert.equal(done.result?.results[0]?.riskLevel, 'high');
  });
});
