import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessByModel, type AssessParts } from '../../src/actors/scheduler/assess.ts';
import { Secret } from '../../src/keys/secret.ts';
import type { Blame, CallOutcome } from '../../src/keys/outcome.ts';
import type { LeaseReply, LeaseRequest } from '../../src/keys/pool.types.ts';
import type { VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { plainTask } from '../support/assessment-task.ts';

type Failure = Exclude<CallOutcome, { kind: 'ok' }>;
const answered = (riskLevel: 'high' | 'none' | 'unknown' = 'high'): VlmReply => ({
  ok: true,
  answer: { riskLevel, confidence: 0.9, riskTypes: [], description: 'd', dangerObjectCount: 1, triggerObjectIds: [10] },
  model: 'm-2026',
  promptTokens: 100,
  completionTokens: 20,
});
const failed = (failure: Failure, formatRefused = false): VlmReply => ({ ok: false, failure, formatRefused, promptTokens: 5, completionTokens: 1 });
const TIMEOUT: Failure = { kind: 'timeout', message: 'no answer' };
const refused = (reason: 'deadline' | 'tried-all' | 'queue-full' | 'no-keys'): LeaseReply => ({ kind: 'refused', reason, message: `because ${reason}` });

interface World {
  /** Replies of the provider, in order; the call takes a second each. */
  readonly replies?: readonly (VlmReply | 'until-aborted')[];
  /** Replies of the pool, in order; then keys k1, k2, ... that are not excluded. */
  readonly leases?: readonly (LeaseReply | undefined)[];
  readonly image?: Uint8Array | null;
  readonly maxRetries?: number;
  readonly duringCall?: (world: { clock: ManualClock; closing: AbortController; abort: AbortController }) => void;
}

function makeWorld(world: World) {
  const clock = new ManualClock(Date.now());
  const closing = new AbortController();
  const abort = new AbortController();
  const seen = { leases: [] as LeaseRequest[], sent: [] as string[], settled: [] as [string, string, Blame][], forgiven: [] as string[], calls: [] as VlmRequest[], counted: [] as string[], retries: 0 };
  const replies = [...(world.replies ?? [])];
  const leases = [...(world.leases ?? [])];
  const grant = (request: LeaseRequest): LeaseReply => {
    const keyName = ['k1', 'k2', 'k3', 'k4'].find((name) => !request.exclude.includes(name)) ?? 'k9';
    return { kind: 'granted', leaseId: `l-${seen.leases.length}`, keyName, secret: new Secret('s'), baseUrl: 'http://x', model: 'm', responseFormat: 'auto', trial: false, grantedAt: clock.now() };
  };
  const parts: AssessParts = {
    clock,
    language: 'en',
    timeoutMs: 35_000,
    maxRetries: world.maxRetries ?? 2,
    closing: closing.signal,
    abort: abort.signal,
    image: () => Promise.resolve(world.image === undefined ? new Uint8Array([1]) : world.image),
    lease: (request) => {
      seen.leases.push(request);
      const next = leases.shift();
      return Promise.resolve(next ?? grant(request));
    },
    sent: (leaseId) => void seen.sent.push(leaseId),
    settle: (leaseId, outcome, blame) => void seen.settled.push([leaseId, outcome.kind, blame]),
    forgive: (keyName) => void seen.forgiven.push(keyName),
    call: async (request) => {
      seen.calls.push(request);
      const next = replies.shift();
      assert.ok(next !== undefined, 'a call too many');
      if (next !== 'until-aborted') request.onSent?.();
      world.duringCall?.({ clock, closing, abort });
      if (next === 'until-aborted') {
        if (request.signal?.aborted !== true) await new Promise((resolve) => request.signal?.addEventListener('abort', resolve));
        return failed({ kind: 'abandoned', message: '' });
      }
      await clock.advance(1_000);
      return next;
    },
    onCall: (kind, seconds) => void seen.counted.push(`${kind} ${seconds}`),
    onRetry: () => void seen.retries++,
  };
  return { parts, seen, clock, closing, abort };
}

async function assess(world: World, task = plainTask()) {
  const { parts, seen } = makeWorld(world);
  const result = await assessByModel(task, parts);
  if (result !== null) {
    AssessmentResult.parse(result);
    assert.equal(result.results[0]?.riskLevel === 'unknown', result.error !== undefined, 'an error exactly when unknown');
  }
  return { result, seen, task };
}

/** The wait counts from the frame, whose time and the clock of the test are a moment apart. */
function withoutWait(result: AssessmentResult | null) {
  const { waitMs, ...metadata } = result?.metadata ?? {};
  assert.ok(waitMs !== undefined && waitMs < 60_000);
  return metadata;
}

/** A call that was sent as soon as its lease was there, and took a second. */
const traced = (apiKeyId: string, outcome: string) => ({ apiKeyId, outcome, leaseMs: 0, sendMs: 0, modelMs: 1_000, parseMs: null });

describe('judging one task', () => {
  it('takes picture, lease, call and settlement once when all goes well', async () => {
    const { result, seen, task } = await assess({ replies: [answered()] });
    assert.equal(result?.results[0]?.riskLevel, 'high');
    assert.deepEqual(withoutWait(result), { llmLatency: 1, llmModel: 'm-2026', apiKeyId: 'k1', retryCount: 0, promptTokens: 100, completionTokens: 20, calls: [traced('k1', 'ok')] });
    assert.deepEqual([result?.taskId, result?.traceId, result?.source], [task.taskId, task.traceId, 'vlm']);
    assert.deepEqual([seen.sent, seen.settled], [['l-1'], [['l-1', 'ok', 'key']]]);
    assert.deepEqual([seen.leases[0]?.deadline, seen.leases[0]?.priority, seen.calls[0]?.traceId], [Date.parse(task.expiresAt), 3, task.traceId]);
    assert.deepEqual(seen.counted, ['ok 1']);
  });

  it('answers unknown without a call: expired, no crop, crop gone, no key', async () => {
    for (const [world, task, code] of [
      [{}, plainTask({ expiresAt: Date.now() - 1 }), 'expired'],
      [{}, plainTask({ noCrop: true }), 'no-image'],
      [{ image: null }, plainTask(), 'no-image'],
      [{ leases: [refused('deadline')] }, plainTask(), 'no-lease'],
      [{ leases: [refused('no-keys')] }, plainTask(), 'no-lease'],
      [{ leases: [refused('queue-full')] }, plainTask(), 'no-lease'],
    ] as const) {
      const { result, seen } = await assess(world, task);
      assert.deepEqual([result?.error?.code, result?.results[0]?.riskLevel, seen.calls.length], [code, 'unknown', 0]);
    }
  });

  it('tries again on another key each time, at most twice, and adds up what it cost', async () => {
    const network: Failure = { kind: 'network', message: 'reset' };
    const { result, seen } = await assess({ replies: [failed(network), failed({ kind: 'rate-limited', retryAfterMs: 5, message: 'slow' }), answered('none')] });
    assert.deepEqual(seen.leases.map((lease) => lease.exclude), [[], ['k1'], ['k1', 'k2']]);
    assert.deepEqual(withoutWait(result), { llmLatency: 3, llmModel: 'm-2026', apiKeyId: 'k3', retryCount: 2, promptTokens: 110, completionTokens: 22, calls: [traced('k1', 'network'), traced('k2', 'rate-limited'), traced('k3', 'ok')] });
    assert.equal(seen.retries, 2);
    const lost = await assess({ replies: [failed(network), failed(network), failed(network)] });
    assert.deepEqual([lost.result?.error?.code, lost.seen.calls.length, lost.result?.metadata.retryCount], ['provider-error', 3, 2]);
  });

  for (const [failure, code] of [
    [TIMEOUT, 'timeout'],
    [{ kind: 'rate-limited', retryAfterMs: null, message: '' }, 'rate-limited'],
    [{ kind: 'rejected-key', status: 401, message: '' }, 'rejected'],
    [{ kind: 'rejected-request', status: 400, message: '' }, 'rejected'],
    [{ kind: 'server-error', status: 500, message: '' }, 'provider-error'],
    [{ kind: 'network', message: '' }, 'provider-error'],
    [{ kind: 'unreadable', message: '' }, 'unreadable-answer'],
  ] as const satisfies readonly (readonly [Failure, string])[]) {
    it(`${failure.kind} to the end is unknown, code ${code}`, async () => {
      const { result } = await assess({ replies: [failed(failure)], maxRetries: 0 });
      assert.deepEqual([result?.error?.code, result?.results[0]?.riskLevel], [code, 'unknown']);
    });
  }

  it('blames the request when it times out on two keys: the second is spared, the first forgiven once', async () => {
    const { seen } = await assess({ replies: [failed(TIMEOUT), failed(TIMEOUT), failed(TIMEOUT)] });
    assert.deepEqual(seen.settled.map(([, , blame]) => blame), ['key', 'request', 'request']);
    assert.deepEqual(seen.forgiven, ['k1']);
  });

  it('does not blame the request for different failures, nor for a lost network', async () => {
    const { seen } = await assess({ replies: [failed(TIMEOUT), failed({ kind: 'server-error', status: 502, message: '' }), answered()] });
    assert.deepEqual([seen.settled.map(([, , blame]) => blame), seen.forgiven], [['key', 'key', 'key'], []]);
    const net: Failure = { kind: 'network', message: '' };
    assert.deepEqual((await assess({ replies: [failed(net), failed(net), answered()] })).seen.forgiven, []);
  });

  it('sends a request that was refused twice no third time', async () => {
    const bad: Failure = { kind: 'rejected-request', status: 400, message: 'bad picture' };
    const { result, seen } = await assess({ replies: [failed(bad), failed(bad)] });
    assert.deepEqual([result?.error, seen.calls.length], [{ code: 'rejected', message: 'bad picture' }, 2]);
  });

  it('keeps the key when only the format was refused', async () => {
    const format: Failure = { kind: 'rejected-request', status: 400, message: 'response_format' };
    const { result, seen } = await assess({ replies: [failed(format, true), failed(format, true), answered()] });
    assert.deepEqual(seen.leases.map((lease) => lease.exclude), [[], [], []]);
    assert.equal(result?.error, undefined);
  });

  it('says what failed, not that no further key was there', async () => {
    const { result } = await assess({ replies: [failed({ kind: 'server-error', status: 500, message: 'boom' })], leases: [undefined, refused('tried-all')] });
    assert.deepEqual(result?.error, { code: 'provider-error', message: 'boom' });
  });

  it('keeps an unknown level unknown and says why', async () => {
    const { result } = await assess({ replies: [answered('unknown')] });
    assert.deepEqual([result?.results[0]?.riskLevel, result?.error?.code], ['unknown', 'unreadable-answer']);
  });

  it('gives a call up when the task ends during it, and blames no key', async () => {
    const { result, seen } = await assess({ replies: ['until-aborted'], duringCall: ({ clock }) => void clock.advance(120_000) });
    assert.deepEqual([result?.error?.code, seen.settled], ['expired', [['l-1', 'abandoned', 'key']]]);
  });

  it('goes back to the bus unanswered when the scheduler stops', async () => {
    const stopped = await assess({ replies: ['until-aborted'], duringCall: ({ abort }) => abort.abort() });
    assert.deepEqual([stopped.result, stopped.seen.settled.map(([, kind]) => kind)], [null, ['abandoned']]);
    // A call that was under way may finish; a retry is not begun, and a lease that just came is given back.
    const retry = await assess({ replies: [failed(TIMEOUT)], duringCall: ({ closing }) => closing.abort() });
    assert.deepEqual([retry.result, retry.seen.settled.map(([, kind]) => kind)], [null, ['timeout', 'abandoned']]);
    const done = await assess({ replies: [answered()], duringCall: ({ closing }) => closing.abort() });
    assert.equal(done.result?.results[0]?.riskLevel, 'high');
  });
});
