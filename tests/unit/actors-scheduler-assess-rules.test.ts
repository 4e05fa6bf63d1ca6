import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rulesInstead } from '../../src/actors/scheduler/result.ts';
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
      { source: 'vlm', riskLevel: 'high', measured: 'high' },
    );
    const unknown = (await assess({ replies: [answered('unknown')] }, DANGER())).result;
    assert.deepEqual(
      { source: unknown?.source, riskLevel: unknown?.results[0]?.riskLevel, degraded: unknown?.degraded },
      { source: 'rules', riskLevel: 'high', degraded: true },
    );
  });

  it('names the group, its frame, its prior and the reason in the answer of the rules', async () => {
    const task = { ...DANGER(), prior: { value: 0.4, reasons: [] } };
    const unreadable = failed({ kind: 'unreadable', reason: 'cut-off', message: 'cut' });
    const { result } = await assess({ replies: [unreadable, unreadable] }, task);
    assert.deepEqual(
      { groupId: result?.groupId, frameTimestamp: result?.frameTimestamp, prior: result?.prior },
      { groupId: 'g1', frameTimestamp: task.timestamp, prior: 0.4 },
    );
    assert.partialDeepStrictEqual(result?.results[0], {
      riskLevel: 'high',
      source: 'rules',
      reason: 'unreadable-answer',
      assessedAt: task.timestamp,
    });
    assert.deepEqual(
      { degraded: result?.degraded, degradedReason: result?.degradedReason },
      { degraded: true, degradedReason: { code: 'unreadable-answer', message: 'cut' } },
    );
  });

  it('names the source and the frame in an answer of the model, and no reason', async () => {
    const { result, task } = await assess({ replies: [answered()] });
    const { source, assessedAt, reason } = result?.results[0] ?? {};
    assert.deepEqual(
      { source, assessedAt, reason, groupId: result?.groupId, prior: result?.prior },
      { source: 'vlm', assessedAt: task.timestamp, reason: undefined, groupId: 'g1', prior: undefined },
    );
  });

  for (const reason of ['budget', 'superseded', 'no-keys'] as const) {
    it(`answers by rules for ${reason}, undegraded; a picture that was handed in stays unknown`, () => {
      const result = rulesInstead(DANGER(), 'en', reason, Date.now());
      AssessmentResult.parse(result);
      assert.partialDeepStrictEqual(result.results[0], { riskLevel: 'high', source: 'rules', reason });
      assert.deepEqual(
        { source: result.source, degraded: result.degraded, error: result.error },
        { source: 'rules', degraded: undefined, error: undefined },
      );
      const picture = rulesInstead(plainTask({ cameraId: ON_DEMAND_CAMERA }), 'en', reason, Date.now());
      AssessmentResult.parse(picture);
      assert.deepEqual(
        { riskLevel: picture.results[0]?.riskLevel, code: picture.error?.code, groupId: picture.groupId },
        { riskLevel: 'unknown', code: reason === 'no-keys' ? 'no-lease' : reason, groupId: undefined },
      );
    });
  }

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
    assert.deepEqual(
      { source: result?.source, reason: result?.results[0]?.reason },
      { source: 'rules', reason: 'no-keys' },
    );
  });

  it('says what failed, not that no further key was there', async () => {
    const { result } = await assess({
      replies: [failed({ kind: 'rate-limited', retryAfterMs: null, message: 'slow' })],
      leases: [undefined, refused('tried-all')],
    });
    assert.deepEqual(result?.degradedReason, { code: 'rate-limited', message: 'slow' });
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

  it('gives the reason of the last call when the calls failed in different ways', async () => {
    const { result } = await assess({
      replies: [failed(TIMEOUT), failed({ kind: 'unreadable', message: 'prose' }), failed(TIMEOUT)],
    });
    assert.deepEqual(
      { source: result?.source, reason: result?.results[0]?.reason, degraded: result?.degraded },
      { source: 'rules', reason: 'timeout', degraded: true },
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
