import assert from 'node:assert/strict';
import { keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { NOTHING_IN_FORCE } from '../../src/actors/scheduler/judging-ways.ts';
import {
  type CallUsage,
  SCHEDULER,
  schedulerSettings,
  type SchedulerStats,
} from '../../src/actors/scheduler/scheduler.types.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { VlmClient, VlmReply, VlmRequest } from '../../src/llm/client.ts';
import { ReleaseOutcome } from '../../src/messages/release.ts';
import type { ReleasesInForce } from '../../src/releases/releases.types.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { type MetricSink, NO_METRICS } from '../../src/runtime/metric-sink.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { plainTask, questionTask, type QuestionOptions, type TaskOptions } from './assessment-task.ts';
import { FakeImages, FakeTaskBus } from './fake-bus.ts';
import { memoryLog } from './log.ts';

/** A provider whose calls are answered by hand, or after a second. */
export class FakeVlm implements VlmClient {
  readonly open: { readonly request: VlmRequest; readonly finish: (reply: VlmReply) => void }[] = [];
  readonly #clock: ManualClock;
  readonly #auto: boolean;
  /** How long a call takes that is not answered by hand, in ms. */
  tookMs = 1_000;
  calls = 0;
  most = 0;
  /** The reply to calls that the test does not answer by hand. */
  answer: VlmReply = GOOD;

  constructor(clock: ManualClock, auto: boolean) {
    this.#clock = clock;
    this.#auto = auto;
  }

  call(request: VlmRequest): Promise<VlmReply> {
    this.calls++;
    return new Promise((resolve) => {
      const entry = {
        request,
        finish: (reply: VlmReply): void => {
          if (!this.open.includes(entry)) return;
          this.open.splice(this.open.indexOf(entry), 1);
          resolve(reply);
        },
      };
      this.open.push(entry);
      this.most = Math.max(this.most, this.open.length);
      request.signal?.addEventListener('abort', () =>
        entry.finish({ ok: false, failure: { kind: 'abandoned', message: '' }, promptTokens: 0, completionTokens: 0 }),
      );
      request.onSent?.(0);
      if (this.#auto) this.#clock.setTimeout(() => entry.finish(this.answer), this.tookMs);
    });
  }
}
export const DOWN: VlmReply = {
  ok: false,
  failure: { kind: 'server-error', status: 503, message: 'away' },
  promptTokens: 0,
  completionTokens: 0,
};
export const GOOD: VlmReply = {
  ok: true,
  answer: {
    riskLevel: 'low',
    confidence: 0.5,
    riskTypes: ['x'],
    description: 'd',
    dangerObjectCount: 0,
    triggerObjectIds: [],
  },
  model: 'm',
  promptTokens: 1,
  completionTokens: 1,
};

interface Setup {
  readonly rules?: boolean;
  readonly byHand?: boolean;
  readonly keys?: readonly object[];
  readonly scheduler?: object;
  /** Cost of each call. */
  readonly cost?: number;
  /** Schedulers that share bus and keys; default 1. */
  readonly schedulers?: number;
  readonly releases?: ReleasesInForce;
}

/** A scheduler and a key pool with fakes around them, on a clock moved by hand. */
export async function startedScheduler({
  rules = false,
  byHand = false,
  keys = [{ qps_limit: 100, rpm_limit: 1000 }],
  scheduler = {},
  cost = 0,
  schedulers = 1,
  releases = NOTHING_IN_FORCE,
}: Setup = {}) {
  const clock = new ManualClock(Date.now());
  const log = memoryLog();
  const bus = new FakeTaskBus(clock);
  const images = new FakeImages(new Uint8Array([255, 216]));
  const vlm = new FakeVlm(clock, !byHand);
  const config = parseKeyConfig(
    { scheduler, api_keys: keys.map((key, i) => ({ name: `k${i + 1}`, key: `s${i}`, ...key })) },
    {},
  );
  const metrics = {
    llm: [] as string[],
    outcomes: [] as string[],
    shed: [] as string[],
    usage: [] as string[],
    shadow: [] as string[],
    sends: 0,
    /** By model, key and token type; traces of the calls' latencies. */
    named: [] as string[],
    traces: [] as (string | undefined)[],
  };
  const outcomes: ReleaseOutcome[] = [];
  const used: CallUsage[] = [];
  const init = {
    bus,
    images,
    vlm: rules ? null : vlm,
    language: 'en' as const,
    settings: schedulerSettings(config.scheduler),
    usage: {
      record: (call: CallUsage) => {
        used.push(call);
        return cost;
      },
    },
    releases,
    releaseOutcomes: { tell: (outcome: ReleaseOutcome) => void outcomes.push(ReleaseOutcome.parse(outcome)) },
  };
  const sink: MetricSink = {
    ...NO_METRICS,
    observe: (name, _, traceId) => {
      if (name === 'llm_latency_seconds') metrics.traces.push(traceId);
      if (name === 'call_send_delay_seconds') metrics.sends += 1;
    },
    inc: (name, by, labels = {}) => {
      if (name === 'llm_calls_total') metrics.llm.push(labels['status'] ?? '');
      if (name === 'assessments_total') metrics.outcomes.push(labels['outcome'] ?? '');
      if (name === 'llm_tokens_total') metrics.usage.push(`${labels['key']} ${labels['kind']} ${by}`);
      if (name === 'llm_requests_total' || name === 'llm_token_usage_total')
        metrics.named.push(Object.values(labels).join(' '));
      if (name === 'llm_cost_total') metrics.usage.push(`${labels['key']} cost ${by}`);
      if (name === 'shadow_calls_total') metrics.shadow.push(labels['outcome'] ?? '');
      if (name === 'shed_total') metrics.shed.push([labels['camera_id'], labels['what'], labels['reason']].join(' '));
    },
  };
  const memory = new LimitMemory();
  const tree = supervisor('root', [
    child('key-pool', keyPoolActor, () => ({ config, memory })),
    child('scheduler', schedulerActor, () => init),
    ...Array.from({ length: schedulers - 1 }, (_, i) => child(`scheduler-${i + 2}`, schedulerActor, () => init)),
  ]);
  const system = await startSystem(tree, {
    log,
    clock,
    metrics: sink,
    onEscalation: (error) => assert.fail(error.message),
  });
  const stats = (): Promise<SchedulerStats> => system.ref(SCHEDULER).ask({ type: 'stats' }, { timeoutMs: 1_000 });
  const task = (options: TaskOptions = {}) => plainTask({ expiresAt: clock.now() + 60_000, ...options });
  const question = (options: QuestionOptions = {}) => questionTask({ at: clock.now(), ...options });
  /** Stops the system while time goes on. */
  const stop = async (): Promise<void> => {
    let over = false;
    const stopping = system.stop().then(() => (over = true));
    for (let i = 0; i < 100 && !over; i++) await clock.advance(100);
    await stopping;
  };
  return { clock, log, bus, images, vlm, metrics, outcomes, used, system, stats, task, question, stop };
}
