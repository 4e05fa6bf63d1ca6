import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessByModel, type AssessContext } from '../../src/actors/scheduler/assess.ts';
import type { AdmissionReply } from '../../src/actors/scheduler/admission.ts';
import { Secret } from '../../src/keys/secret.ts';
import type { Blame, CallOutcome } from '../../src/keys/outcome.ts';
import type { LeaseReply, LeaseRequest, RefusalReason, Settlement } from '../../src/keys/pool.types.ts';
import type { VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { sleep } from '../../src/runtime/clock.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { makeTask, plainTask } from '../support/assessment-task.ts';

type Failure = Exclude<CallOutcome, { kind: 'ok' }>;
const answered = (riskLevel: 'high' | 'none' | 'unknown' = 'high'): VlmReply => ({
  ok: true,
  answer: { riskLevel, confidence: 0.9, riskTypes: [], description: 'd', dangerObjectCount: 1, triggerObjectIds: [10] },
  model: 'm-2026',
  promptTokens: 100,
  completionTokens: 20,
});
const failed = (failure: Failure): VlmReply => ({ ok: false, failure, promptTokens: 5, completionTokens: 1 });
const TIMEOUT: Failure = { kind: 'timeout', message: 'no answer' };
/** A person close to a car that comes fast. */
const DANGER = (expiresAt?: number) =>
  makeTask(
    [
      { class: 'person', at: [100, 100, 30, 80], velocity: [0, 0] },
      { class: 'car', at: [140, 100, 90, 60], velocity: [-400, 0] },
    ],
    expiresAt === undefined ? {} : { expiresAt },
  );
const refused = (reason: RefusalReason): LeaseReply => ({ kind: 'refused', reason, message: `because ${reason}` });

interface World {
  /** Replies of the provider, in order; the call takes a second each. */
  readonly replies?: readonly (VlmReply | 'until-aborted')[];
  /** Replies of the pool, in order; then keys k1, k2, ... that are not excluded. */
  readonly leases?: readonly (LeaseReply | undefined)[];
  readonly image?: Uint8Array | null;
  /** It comes so much later, in ms. */
  readonly imageAfterMs?: number;
  readonly maxRetries?: number;
  /** Replies of the admission, in order; then `go`. */
  readonly admissions?: AdmissionReply[];
  readonly down?: boolean;
  /** As the pool last said. */
  readonly keysWanted?: boolean;
  /** A call that is given up had left. */
  readonly sentFirst?: boolean;
  readonly onLease?: (world: { closing: AbortController }) => void;
  readonly duringCall?: (world: { clock: ManualClock; closing: AbortController; abort: AbortController }) => void;
}

function makeWorld(world: World) {
  const clock = new ManualClock(Date.now());
  const closing = new AbortController();
  const abort = new AbortController();
  const seen = {
    leases: [] as LeaseRequest[],
    sent: [] as string[],
    settled: [] as [string, string, Blame][],
    forgiven: [] as string[],
    calls: [] as VlmRequest[],
    counted: [] as string[],
    retries: 0,
    images: 0,
  };
  const replies = [...(world.replies ?? [])];
  const leases = [...(world.leases ?? [])];
  const grant = (request: LeaseRequest): LeaseReply => {
    const keyName = ['k1', 'k2', 'k3', 'k4'].find((name) => !request.exclude.includes(name)) ?? 'k9';
    return {
      kind: 'granted',
      leaseId: `l-${seen.leases.length}`,
      keyName,
      secret: new Secret('s'),
      baseUrl: 'http://x',
      model: 'm',
      responseFormat: 'auto',
      maxOutputTokens: 600,
      extraBody: null,
      trial: false,
      grantedAt: clock.now(),
    };
  };
  const settled = ({ leaseId, outcome, blame = 'key' }: Settlement): void =>
    void seen.settled.push([leaseId, outcome.kind, blame]);
  const context: AssessContext = {
    clock,
    language: 'en',
    timeoutMs: 35_000,
    maxRetries: world.maxRetries ?? 2,
    hedge: null,
    slot: {
      admit: () => Promise.resolve(closing.signal.aborted ? 'closing' : (world.admissions?.shift() ?? 'go')),
      leasing: (wait) => wait(closing.signal),
      providerDown: world.down ?? false,
    },
    closing: closing.signal,
    abort: abort.signal,
    picture: async () => {
      seen.images++;
      if (world.imageAfterMs !== undefined) await sleep(clock, world.imageAfterMs);
      return world.image === undefined ? new Uint8Array([1]) : world.image;
    },
    keys: {
      keysWanted: world.keysWanted ?? true,
      lease: (request) => {
        seen.leases.push(request);
        world.onLease?.({ closing });
        const next = leases.shift();
        return Promise.resolve(next ?? grant(request));
      },
      sent: (leaseId) => void seen.sent.push(leaseId),
      settle: settled,
      giveBack: ({ leaseId }) => settled({ leaseId, outcome: { kind: 'abandoned', message: '' } }),
      forgive: (keyName) => void seen.forgiven.push(keyName),
    },
    vlm: {
      call: async (request) => {
        seen.calls.push(request);
        const next = replies.shift();
        assert.ok(next !== undefined, 'a call too many');
        if (next !== 'until-aborted' || world.sentFirst === true) request.onSent?.(0);
        world.duringCall?.({ clock, closing, abort });
        if (next === 'until-aborted') {
          if (request.signal?.aborted !== true)
            await new Promise((resolve) => request.signal?.addEventListener('abort', resolve));
          return failed({ kind: 'abandoned', message: '' });
        }
        await clock.advance(1_000);
        return next;
      },
    },
    onCall: (kind, seconds) => void seen.counted.push(`${kind} ${seconds}`),
    onRetry: () => void seen.retries++,
  };
  return { context, seen, clock, closing, abort };
}

async function assess(world: World, task = plainTask()) {
  const { context, seen } = makeWorld(world);
  const result = await assessByModel(task, context);
  if (result !== null) {
    AssessmentResult.parse(result);
    assert.equal(
      result.results[0]?.riskLevel === 'unknown',
      result.error !== undefined,
      'an error exactly when unknown',
    );
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
const traced = (apiKeyId: string, outcome: string) => ({
  apiKeyId,
  outcome,
  leaseMs: 0,
  sendMs: 0,
  modelMs: 1_000,
  parseMs: null,
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

  it('answers unknown without a call: expired, no crop, crop gone, no key', async () => {
    for (const [world, task, code] of [
      [{}, plainTask({ expiresAt: Date.now() - 1 }), 'expired'],
      [{}, plainTask({ noCrop: true }), 'no-image'],
      [{ image: null }, plainTask(), 'no-image'],
      [{ leases: [refused('deadline')] }, plainTask(), 'no-lease'],
      [{ leases: [refused('queue-full')] }, plainTask(), 'no-lease'],
    ] as const) {
      const { result, seen } = await assess(world, task);
      assert.deepEqual(
        { code: result?.error?.code, riskLevel: result?.results[0]?.riskLevel, calls: seen.calls.length },
        { code, riskLevel: 'unknown', calls: 0 },
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

  it('gives a key back when the picture takes long, and asks for one again when it is there', async () => {
    const { context, seen, clock } = makeWorld({ replies: [answered()], imageAfterMs: 3_000 });
    const late = assessByModel(plainTask(), context);
    await clock.advance(1_000);
    assert.deepEqual(
      { leases: seen.leases.length, settled: seen.settled },
      { leases: 1, settled: [['l-1', 'abandoned', 'key']] },
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
    it(`${failure.kind} to the end is unknown, code ${code}`, async () => {
      const { result } = await assess({ replies: [failed(failure)], maxRetries: 0 });
      assert.deepEqual(
        { code: result?.error?.code, riskLevel: result?.results[0]?.riskLevel },
        { code, riskLevel: 'unknown' },
      );
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
      { error: result?.error, calls: seen.calls.length },
      { error: { code: 'rejected', message: 'bad picture' }, calls: 2 },
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
    it(`asks once more after ${reason}, then it is unknown; a danger that was measured stands`, async () => {
      const unclear = failed({ kind: 'unreadable', reason, message: 'unclear' });
      const { result, seen } = await assess({ replies: [unclear, unclear, answered('none')] });
      assert.deepEqual(
        { calls: seen.calls.length, riskLevel: result?.results[0]?.riskLevel, code: result?.error?.code },
        { calls: 2, riskLevel: 'unknown', code: 'unreadable-answer' },
      );
      assert.equal((await assess({ replies: [unclear, answered('high')] })).result?.results[0]?.riskLevel, 'high');
      const danger = (await assess({ replies: [unclear, unclear] }, DANGER())).result;
      assert.deepEqual(
        { riskLevel: danger?.results[0]?.riskLevel, source: danger?.source, message: danger?.degradedReason?.message },
        { riskLevel: 'high', source: 'rules', message: 'unclear' },
      );
    });
  }

  it('marks a level of the model that what was measured disputes', async () => {
    const { result } = await assess({ replies: [answered('none')] }, DANGER());
    AssessmentResult.parse(result);
    assert.deepEqual(
      {
        source: result?.source,
        riskLevel: result?.results[0]?.riskLevel,
        measured: result?.results[0]?.disputed?.measured,
      },
      { source: 'vlm', riskLevel: 'medium', measured: 'high' },
    );
    const unknown = (await assess({ replies: [answered('unknown')] }, DANGER())).result;
    assert.deepEqual(
      { source: unknown?.source, riskLevel: unknown?.results[0]?.riskLevel, degraded: unknown?.degraded },
      { source: 'rules', riskLevel: 'high', degraded: true },
    );
  });

  it('does not let rules belittle an answer that could not be read', async () => {
    const { result } = await assess({
      replies: Array.from({ length: 3 }, () => failed({ kind: 'unreadable', reason: 'cut-off', message: 'cut' })),
    });
    assert.deepEqual(
      { riskLevel: result?.results[0]?.riskLevel, code: result?.error?.code },
      { riskLevel: 'unknown', code: 'unreadable-answer' },
    );
  });

  it('lets rules judge, with the reason, when every key is refused', async () => {
    const arrears: Failure = { kind: 'rejected-key', status: 400, why: 'arrears', message: '400 Arrearage' };
    const { result } = await assess({ replies: [failed(arrears)], leases: [undefined, refused('no-keys')] });
    assert.deepEqual(
      { source: result?.source, degraded: result?.degraded, degradedReason: result?.degradedReason },
      { source: 'rules', degraded: true, degradedReason: { code: 'rejected', message: '400 Arrearage' } },
    );
    const none = await assess({ replies: [], leases: [refused('no-keys')] });
    assert.deepEqual(
      { source: none.result?.source, code: none.result?.degradedReason?.code },
      { source: 'rules', code: 'no-lease' },
    );
  });

  it('is assessed by rules as a matter of course when no key is meant to be used, without reading the picture', async () => {
    const noKeys: LeaseReply = { kind: 'refused', reason: 'no-keys', message: '', keysWanted: false };
    for (const [world, task, images] of [
      [{ leases: [noKeys], keysWanted: false }, DANGER(), 0],
      // The last key is taken away while the task waits for it.
      [{ leases: [noKeys] }, DANGER(), 1],
      [{ keysWanted: false }, plainTask({ noCrop: true }), 0],
    ] as const) {
      const { result, seen } = await assess(world, task);
      assert.deepEqual(
        { source: result?.source, degraded: result?.degraded, error: result?.error, images: seen.images },
        { source: 'rules', degraded: undefined, error: undefined, images },
      );
    }
    const { result } = await assess({ keysWanted: false }, plainTask({ expiresAt: Date.now() - 1 }));
    assert.deepEqual({ source: result?.source, code: result?.error?.code }, { source: 'rules', code: 'expired' });
  });

  it('says what failed, not that no further key was there', async () => {
    const { result } = await assess({
      replies: [failed({ kind: 'rate-limited', retryAfterMs: null, message: 'slow' })],
      leases: [undefined, refused('tried-all')],
    });
    assert.deepEqual(result?.error, { code: 'rate-limited', message: 'slow' });
  });

  for (const failure of [
    TIMEOUT,
    { kind: 'server-error', status: 500, message: '' },
    { kind: 'network', message: '' },
  ] as const satisfies readonly Failure[]) {
    it(`${failure.kind} to the end is judged by rules, degraded, with every call in its trace`, async () => {
      const { result } = await assess({ replies: [failed(failure), failed(failure), failed(failure)] }, DANGER());
      assert.deepEqual(
        {
          source: result?.source,
          degraded: result?.degraded,
          riskLevel: result?.results[0]?.riskLevel,
          error: result?.error,
        },
        { source: 'rules', degraded: true, riskLevel: 'high', error: undefined },
      );
      assert.deepEqual(withoutWait(result), {
        llmLatency: 3,
        llmModel: null,
        apiKeyId: null,
        retryCount: 2,
        promptTokens: 15,
        completionTokens: 3,
        calls: ['k1', 'k2', 'k3'].map((key) => traced(key, failure.kind)),
      });
    });
  }

  it('is unknown when one of the answers was there and could not be read: the provider is not down', async () => {
    const { result } = await assess({
      replies: [failed(TIMEOUT), failed({ kind: 'unreadable', message: 'prose' }), failed(TIMEOUT)],
    });
    assert.deepEqual(
      { code: result?.error?.code, degraded: result?.degraded },
      { code: 'timeout', degraded: undefined },
    );
  });

  it('in an outage waits for its turn; at the end of its time, or refused for it, or already late, rules judge', async () => {
    for (const [world, task] of [
      [{ admissions: ['provider-down'] }, DANGER()],
      [{ leases: [refused('provider-down')] }, DANGER()],
      [{ down: true }, DANGER(Date.now() - 1)],
      // Withdrawn in favour of a trial, then told that time is up.
      [{ admissions: ['go', 'provider-down'], leases: [refused('cancelled')] }, DANGER()],
    ] as const) {
      const { result, seen } = await assess(
        { ...world, admissions: [...('admissions' in world ? world.admissions : [])] },
        task,
      );
      assert.deepEqual(
        {
          source: result?.source,
          degraded: result?.degraded,
          riskLevel: result?.results[0]?.riskLevel,
          calls: seen.calls.length,
        },
        { source: 'rules', degraded: true, riskLevel: 'high', calls: 0 },
      );
    }
  });

  it('asks for a key again after it was withdrawn and the provider is back', async () => {
    const { result, seen } = await assess({ leases: [refused('cancelled')], replies: [answered()] });
    assert.deepEqual(
      { source: result?.source, leases: seen.leases.length, degraded: result?.degraded },
      { source: 'vlm', leases: 2, degraded: undefined },
    );
  });

  it('a picture that somebody handed in stays unknown in an outage, with the reason', async () => {
    const task = plainTask({ cameraId: ON_DEMAND_CAMERA });
    assert.deepEqual((await assess({ admissions: ['provider-down'] }, task)).result?.error, {
      code: 'no-lease',
      message: 'the provider does not answer',
    });
    assert.equal(
      (await assess({ replies: [failed(TIMEOUT), failed(TIMEOUT), failed(TIMEOUT)] }, task)).result?.error?.code,
      'timeout',
    );
  });

  it('a trial of a provider that is down still costs the key nothing: the task may try it again', async () => {
    const trial: LeaseReply = {
      kind: 'granted',
      leaseId: 't',
      keyName: 'k1',
      secret: new Secret('s'),
      baseUrl: 'http://x',
      model: 'm',
      responseFormat: 'auto',
      maxOutputTokens: 600,
      extraBody: null,
      trial: true,
      grantedAt: 0,
    };
    const { result, seen } = await assess({ down: true, leases: [trial], replies: [failed(TIMEOUT), answered()] });
    assert.deepEqual(
      { leases: seen.leases.map(({ exclude }) => exclude), source: result?.source },
      { leases: [[], []], source: 'vlm' },
    );
  });

  it('keeps an unknown level unknown and says why', async () => {
    const { result } = await assess({ replies: [answered('unknown')] });
    assert.deepEqual(
      { riskLevel: result?.results[0]?.riskLevel, code: result?.error?.code },
      { riskLevel: 'unknown', code: 'unreadable-answer' },
    );
  });

  it('gives a call up when the task ends during it, and blames no key', async () => {
    const { result, seen } = await assess({
      replies: ['until-aborted'],
      duringCall: ({ clock }) => void clock.advance(120_000),
    });
    assert.deepEqual(
      { code: result?.error?.code, settled: seen.settled },
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
