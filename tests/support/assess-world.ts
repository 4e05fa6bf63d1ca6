import assert from 'node:assert/strict';
import { assessByModel, type AssessContext } from '../../src/actors/scheduler/assess.ts';
import type { AdmissionReply } from '../../src/actors/scheduler/admission.ts';
import { JudgingWays, NOTHING_IN_FORCE } from '../../src/actors/scheduler/judging-ways.ts';
import { Secret } from '../../src/keys/secret.ts';
import type { Blame, CallOutcome } from '../../src/keys/outcome.ts';
import type { PromptSection } from '../../src/keys/key-config.schema.ts';
import type { LeaseReply, LeaseRequest, RefusalReason, Settlement } from '../../src/keys/pool.types.ts';
import type { VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { sleep } from '../../src/runtime/clock.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { incident } from './incidents.ts';
import { makeTask, plainTask } from './assessment-task.ts';

export type Failure = Exclude<CallOutcome, { kind: 'ok' }>;
export const answered = (riskLevel: 'high' | 'none' | 'unknown' = 'high'): VlmReply => ({
  ok: true,
  answer: { riskLevel, confidence: 0.9, riskTypes: [], description: 'd', dangerObjectCount: 1, triggerObjectIds: [10] },
  model: 'm-2026',
  promptTokens: 100,
  completionTokens: 20,
});
export const failed = (failure: Failure): VlmReply => ({ ok: false, failure, promptTokens: 5, completionTokens: 1 });
export const TIMEOUT: Failure = { kind: 'timeout', message: 'no answer' };
/** A group in which a collision of high severity was measured. */
export const DANGER = (expiresAt?: number) => ({
  ...makeTask(
    [
      { class: 'person', at: [100, 100, 30, 80], velocity: [0, 0] },
      { class: 'car', at: [140, 100, 90, 60], velocity: [-400, 0] },
    ],
    expiresAt === undefined ? {} : { expiresAt },
  ),
  incidents: [incident({ objects: [10, 11] })],
});
export const refused = (reason: RefusalReason): LeaseReply => ({
  kind: 'refused',
  reason,
  message: `because ${reason}`,
});

const AS_CONFIGURED = new JudgingWays(NOTHING_IN_FORCE);

interface World {
  /** Replies of the provider, in order; the call takes a second each. */
  readonly replies?: readonly (VlmReply | 'until-aborted')[];
  /** Replies of the pool, in order; then keys k1, k2, ... that are not excluded. */
  readonly leases?: readonly (LeaseReply | undefined)[];
  readonly image?: Uint8Array | null;
  /** Delay of the picture, in ms. */
  readonly imageAfterMs?: number;
  /** Pictures of earlier frames by their ids; any other is gone. */
  readonly earlier?: Readonly<Record<string, Uint8Array | 'hangs'>>;
  readonly prompts?: PromptSection;
  readonly way?: AssessContext['way'];
  readonly onJudged?: AssessContext['onJudged'];
  readonly maxRetries?: number;
  /** Replies of the admission, in order; then `go`. */
  readonly admissions?: AdmissionReply[];
  readonly down?: boolean;
  readonly leaseLimits?: AssessContext['leaseLimits'];
  /** Time of its clock at first. Default: now. */
  readonly startAt?: number;
  /** As the pool reported last. */
  readonly keysWanted?: boolean;
  /** A call that is given up had been sent. */
  readonly sentFirst?: boolean;
  readonly onLease?: (world: { closing: AbortController }) => void;
  readonly duringCall?: (world: { clock: ManualClock; closing: AbortController; abort: AbortController }) => void;
}

export function makeWorld(world: World) {
  const clock = new ManualClock(world.startAt ?? Date.now());
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
    asides: 0,
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
      maxImages: 3,
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
    prompts: world.prompts ?? { kinds: {} },
    way: world.way ?? (() => AS_CONFIGURED.of(plainTask())),
    ...(world.onJudged === undefined ? {} : { onJudged: world.onJudged }),
    timeoutMs: 35_000,
    maxRetries: world.maxRetries ?? 2,
    hedge: null,
    slot: {
      admit: () => Promise.resolve(closing.signal.aborted ? 'closing' : (world.admissions?.shift() ?? 'go')),
      leasing: (wait) => wait(closing.signal),
      stepAside: () => void (seen.asides += 1),
      providerDown: world.down ?? false,
      dropped: false,
    },
    leaseLimits: world.leaseLimits ?? null,
    closing: closing.signal,
    abort: abort.signal,
    pictures: ([, ...earlier]) => {
      seen.images++;
      const own = async (): Promise<Uint8Array | null> => {
        if (world.imageAfterMs !== undefined) await sleep(clock, world.imageAfterMs);
        return world.image === undefined ? new Uint8Array([1]) : world.image;
      };
      const before = earlier.map((id) => {
        const picture = world.earlier?.[id] ?? null;
        return picture === 'hangs' ? new Promise<never>(() => undefined) : Promise.resolve(picture);
      });
      return [own(), ...before];
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

export async function assess(world: World, task = plainTask()) {
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

/** Without times that are a moment apart from the clock of the test: the wait, and when each lease was asked for. */
export function withoutWait(result: AssessmentResult | null) {
  const { waitMs, calls, ...metadata } = result?.metadata ?? {};
  assert.ok(waitMs !== undefined && waitMs < 60_000);
  if (calls === undefined) return metadata;
  const timeless = calls.map(({ leaseAskedAt, ...call }) => {
    assert.ok(leaseAskedAt !== undefined);
    return call;
  });
  return { ...metadata, calls: timeless };
}

/** A call that was sent as soon as its lease was there, and took a second. */
export const traced = (apiKeyId: string, outcome: string) => ({
  apiKeyId,
  outcome,
  leaseMs: 0,
  sendMs: 0,
  modelMs: 1_000,
  parseMs: null,
});
