import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../src/keys/secret.ts';
import type { LeaseReply } from '../../src/keys/pool.types.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { plainTask } from '../support/assessment-task.ts';
import {
  answered,
  assess,
  DANGER,
  failed,
  type Failure,
  refused,
  TIMEOUT,
  traced,
  withoutWait,
} from '../support/assess-world.ts';

describe('assessing one task without a usable answer of the model', () => {
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

  it('goes to the rules without reading the picture, undegraded, when no key is meant to be used', async () => {
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

  it('in an outage waits for its turn; when its time is over, or it is refused or late, rules assess it', async () => {
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
      maxImages: 3,
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
});
