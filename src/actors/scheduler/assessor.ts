import type { Bus, ImageStore } from '../../infra/bus.ts';
import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { KeySupply } from '../../keys/supply.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { KeyPoolMessage } from '../key-pool.ts';
import type { Admission, SlotClaim } from './admission.ts';
import { assessByModel, type Assessed, type AssessContext } from './assess.ts';
import type { HedgeBudget } from './hedge.ts';
import { JudgingWays, NOTHING_IN_FORCE } from './judging-ways.ts';
import { KeyClient } from './key-client.ts';
import { PromptTexts } from './prompt-texts.ts';
import { readTogether } from './read-picture.ts';
import type { Judged } from './judgement.ts';
import { ReleaseJudgements } from './release-judgements.ts';
import { NO_CALL, rulesInstead, SHED, withoutModel, withSpent } from './result.ts';
import { statusOf } from './retry.ts';
import type { SchedulerInit, SchedulerMode, SchedulerSettings } from './scheduler.types.ts';
import { Shadow, type ShadowOptions } from './shadow.ts';

/** The camera under which usage of calls in the shadow is booked; no camera has such an id. */
const SHADOW_USAGE = '(shadow)';

export interface AssessorOptions
  extends
    Pick<SchedulerInit, 'language' | 'budget' | 'usage' | 'releases' | 'releaseOutcomes'>,
    Pick<ShadowOptions, 'schedulers' | 'isQuiet'> {
  /** As they are now. */
  readonly settingsNow: () => SchedulerSettings;
  readonly bus: Pick<Bus, 'publish'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly pool: ActorRef<KeyPoolMessage>;
  /** Null: rules assess everything. */
  readonly vlm: VlmClient | null;
  readonly images: ImageStore;
  readonly metrics: MetricRecorder;
  readonly admission: Admission;
  readonly hedges: HedgeBudget;
  /** Aborted: begin nothing new; waiting tasks go back to the bus. */
  readonly closing: AbortSignal;
  /** Aborted: calls in flight are given up. */
  readonly abort: AbortSignal;
  readonly onRetry: () => void;
  /** A call about this task begins. */
  readonly onCalled?: (task: AssessmentTask) => void;
}

/** Assesses tasks: by the model while any key is meant to be used, else by rules. Tells the admission of outages. */
export class Assessor {
  readonly #options: AssessorOptions;
  readonly #keys: KeyClient;
  readonly #prompts: PromptTexts;
  readonly #ways: JudgingWays;
  readonly #judgements: ReleaseJudgements;
  readonly #shadow: Shadow;

  constructor(options: AssessorOptions) {
    const { vlm, releases = NOTHING_IN_FORCE, releaseOutcomes: outcomes = { tell: () => undefined } } = options;
    this.#options = options;
    this.#prompts = new PromptTexts(options.bus, options.clock, options.log);
    this.#keys = new KeyClient({ ...options, onOutcome: (kind) => this.#settled(kind) });
    this.#ways = new JudgingWays(releases);
    this.#shadow = new Shadow({
      ...options,
      outcomes,
      keys: this.#keys,
      settings: options.settingsNow,
      vlm: (onCost) => this.#metered(vlm ?? NO_CLIENT, SHADOW_USAGE, onCost),
      isQuiet: () => vlm !== null && !this.rulesOnly && options.isQuiet(),
    });
    this.#judgements = new ReleaseJudgements(this.#ways, outcomes, this.#shadow);
  }

  /** By which of the two the next task is expected to be assessed. */
  get mode(): SchedulerMode {
    return this.#options.vlm !== null && this.#keys.keysWanted ? 'vlm' : 'rules';
  }

  /** Rules answer without waiting for anything. */
  get rulesOnly(): boolean {
    return this.mode === 'rules' || this.#options.budget?.allows() === false;
  }

  /** The answer, or null when the task has to go back to the bus. */
  async assess(
    task: AssessmentTask,
    claim: SlotClaim,
    settings: SchedulerSettings,
    leaseLimits: AssessContext['leaseLimits'] = null,
  ): Promise<Assessed> {
    const { vlm, budget, language, clock } = this.#options;
    if (vlm === null) return rulesInstead(task, language, 'no-keys', clock.now());
    if (budget?.allows() === false) return rulesInstead(task, language, 'budget', clock.now());
    let cost = 0;
    let judged: Judged | null = null;
    const metered = this.#metered(this.#told(vlm, task), task.cameraId, (more) => (cost += more));
    const assessed = await assessByModel(task, {
      ...this.#contextOf(metered, claim, settings),
      leaseLimits,
      onJudged: (by) => (judged = by),
    });
    if (judged !== null) this.#judgements.judged(task, judged, cost);
    return assessed === null ? null : withSpent(assessed, cost);
  }

  /** As {@link JudgingWays.setsPace}. */
  setsPace(result: AssessmentResult): boolean {
    return this.#ways.setsPace(result);
  }

  /** A task ended. `stored`: with a result that viewers get; else it went back to the bus. */
  finished(taskId: string, stored: boolean): void {
    this.#judgements.finished(taskId, stored);
  }

  /** Puts questions to a release in the shadow, if nothing else is to be done. To be called every second, too. */
  pumpShadow(): void {
    this.#shadow.pump();
  }

  /** To be called when the scheduler stops. */
  close(): void {
    this.#ways.close();
    this.#shadow.close();
  }

  /** The answer to a task that is given up because more waits than can be assessed in time. */
  shed(task: AssessmentTask): AssessmentResult {
    const { language, clock } = this.#options;
    return withoutModel(task, language, NO_CALL, clock.now(), SHED);
  }

  /** The surroundings of one assessment, with the settings of this moment. */
  #contextOf(
    vlm: VlmClient,
    claim: SlotClaim,
    { timeoutMs, maxRetries, hedgeAfterMs, prompts }: SchedulerSettings,
  ): Omit<AssessContext, 'leaseLimits'> {
    const { clock, language, metrics, admission, hedges, closing, abort, onRetry } = this.#options;
    return {
      onAnswered: (prompt, task) => this.#prompts.keep(prompt, task),
      clock,
      language,
      prompts,
      way: (task) => this.#ways.of(task),
      timeoutMs,
      maxRetries,
      hedge: hedgeAfterMs > 0 && admission.downSince === null ? { afterMs: hedgeAfterMs, budget: hedges } : null,
      slot: {
        admit: () => admission.admit(claim),
        leasing: (wait) => admission.leasing(claim, wait),
        stepAside: () => admission.stepAside(claim),
        get providerDown() {
          return admission.downSince !== null;
        },
        get dropped() {
          return admission.isDropped(claim);
        },
      },
      keys: this.#keys,
      pictures: (ids, deadline, enough) => readTogether(ids, deadline, enough, this.#options),
      vlm,
      onCall: (kind, seconds, sendMs, { keyName, model, traceId }) => {
        if (sendMs !== null) metrics.observe('call_send_delay_seconds', sendMs / 1_000);
        const status = statusOf(kind);
        if (status === null) return;
        metrics.inc('llm_calls_total', 1, { status });
        metrics.inc('llm_requests_total', 1, { model, api_key_id: keyName, status });
        metrics.observe('llm_latency_seconds', seconds, traceId);
      },
      closing,
      abort,
      onRetry,
    };
  }

  /** Asks the pool whether keys are there and the provider works, for times when no task finds out. Never rejects. */
  async follow(): Promise<void> {
    const { vlm, admission, log } = this.#options;
    const state = vlm === null ? null : await this.#keys.state();
    // A pool that is being restarted does not answer: all stays as it was.
    if (state === null) return;
    const down = state === 'provider-down';
    if (down === (admission.downSince !== null)) return;
    if (down)
      log.warn({}, 'the provider does not answer: tasks wait while they are valid, then rules assess them (degraded)');
    else log.info({ parked: admission.parked }, 'the provider answers again: the model assesses');
    admission.setDown(down);
  }

  /** The calls that the keys allow; null while rules assess everything, or the pool does not answer. */
  async supply(answerMs: number): Promise<KeySupply | null> {
    return this.#options.vlm === null ? null : this.#keys.supply(answerMs, this.#ways.keysOfPresent);
  }

  /** A call's end may begin or end an outage. The pool was told of it before, so it knows. */
  #settled(kind: CallOutcomeKind): void {
    const down = this.#options.admission.downSince !== null;
    const failed = kind === 'timeout' || kind === 'server-error' || kind === 'network';
    if (down ? kind === 'ok' : failed) void this.follow();
  }

  /** Tells of each call. */
  #told(vlm: VlmClient, task: AssessmentTask): VlmClient {
    return {
      call: (request) => {
        this.#options.onCalled?.(task);
        return vlm.call(request);
      },
    };
  }

  /** Books and counts the tokens of each call. */
  #metered(vlm: VlmClient, cameraId: string, onCost: (cost: number) => void): VlmClient {
    const { usage, metrics } = this.#options;
    return {
      call: async (request) => {
        const reply = await vlm.call(request);
        if (usage === undefined) return reply;
        const { promptTokens, completionTokens } = reply;
        const key = request.access.keyName;
        const { model } = request.access;
        const cost = usage.record({ keyName: key, model, cameraId, promptTokens, completionTokens });
        metrics.inc('llm_tokens_total', promptTokens, { key, kind: 'prompt' });
        metrics.inc('llm_tokens_total', completionTokens, { key, kind: 'completion' });
        metrics.inc('llm_token_usage_total', promptTokens, { model, token_type: 'prompt' });
        metrics.inc('llm_token_usage_total', completionTokens, { model, token_type: 'completion' });
        metrics.inc('llm_cost_total', cost, { key });
        onCost(cost);
        return reply;
      },
    };
  }
}

/** Stands in for the model where there is none: nothing is asked then. */
const NO_CLIENT: VlmClient = {
  call: () => Promise.reject(new Error('there is no model to call')),
};
