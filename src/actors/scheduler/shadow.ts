import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { PromptSection } from '../../keys/key-config.schema.ts';
import type { LeaseGrant } from '../../keys/pool.types.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { Language } from '../../llm/language.ts';
import type { Picture } from '../../llm/picture.ts';
import { buildPrompt, type VersionedPrompt } from '../../llm/prompt.ts';
import { tokenBound } from '../../llm/token-bound.ts';
import type { Judgement, ReleaseBudget } from '../../messages/release.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ReleaseOutcomes } from '../../releases/releases.types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { joinSignals } from '../../runtime/joined-signal.ts';
import { type MadeCall, makeCall, withRound } from './call.ts';
import { leasedBy, promptsOf, type ShadowWay } from './judging-ways.ts';
import type { Keys } from './key-client.ts';
import { judgementOf, questionOfOutcome } from './judgement.ts';
import { answeredByModel, NO_CALL } from './result.ts';
import { failureOf } from './retry.ts';
import { toldOf } from './settle.ts';
import { ShadowBudget } from './shadow-budget.ts';

/** A question that was answered the present way, with everything that the candidate needs to judge it too. */
export interface ShadowQuestion extends ShadowWay {
  readonly task: AssessmentTask;
  /** The pictures that the model saw: read already. */
  readonly pictures: () => Promise<readonly Picture[] | null>;
  readonly present: Judgement;
}

type Waiting = ShadowQuestion & { readonly since: number };

export interface ShadowOptions {
  readonly clock: Clock;
  readonly keys: Keys;
  readonly language: Language;
  readonly metrics: Pick<MetricRecorder, 'inc'>;
  readonly outcomes: ReleaseOutcomes;
  readonly settings: () => { readonly prompts: PromptSection; readonly timeoutMs: number };
  /** A client that tells of the cost of each call. */
  readonly vlm: (onCost: (cost: number) => void) => VlmClient;
  /** Nothing else waits for a key or a slot, and calls are to be had. */
  readonly isQuiet: () => boolean;
  /** Schedulers that share keys and budget, this one among them. */
  readonly schedulers: () => number;
  /** Aborted at a stop: calls are given up at once. */
  readonly closing: AbortSignal;
}

/** Questions that wait with their pictures; one more drops the oldest. */
const MOST_WAITING = 8;
/** A question that waited so long for a quiet moment is left out, in ms. */
const LONGEST_WAIT_MS = 10_000;
const MOST_CALLS = 2;
/** A lease that is not free within this time, in ms, is not spare. */
const LEASE_MS = 50;
/** The provider said that a limit is reached: it is left alone for this long, in ms. */
const LIMITED_MS = 60_000;

type Outcome = 'answered' | 'failed' | 'no-budget' | 'busy';

/**
 * Has the candidate of a release judge questions that were answered the present way, out of sight: after that answer is
 * stored, with calls that nobody misses, within a budget of its own. One call each, never repeated.
 */
export class Shadow {
  readonly #options: ShadowOptions;
  readonly #budget = new ShadowBudget();
  readonly #waiting: Waiting[] = [];
  #calls = 0;
  #asked = 0;
  #pausedUntil = -Infinity;

  constructor(options: ShadowOptions) {
    this.#options = options;
  }

  /** Questions that wait, and calls under way. */
  get size(): number {
    return this.#waiting.length + this.#calls;
  }

  /** The present answer is stored. */
  offer(question: ShadowQuestion): void {
    const { clock } = this.#options;
    if (!this.#affords(question.release.budget)) {
      this.#count('no-budget');
      return;
    }
    this.#waiting.push({ ...question, since: clock.now() });
    if (this.#waiting.length <= MOST_WAITING) return;
    this.#waiting.shift();
    this.#count('busy');
  }

  /** A question was left out, as too many waited before it. */
  leftOut(): void {
    this.#count('busy');
  }

  /** Asks what can be asked now. To be called when something ended, and every second. */
  pump(): void {
    const { clock, isQuiet, closing } = this.#options;
    const now = clock.now();
    while (this.#waiting[0] !== undefined && this.#isOver(this.#waiting[0], now)) this.#waiting.shift();
    while (this.#calls < MOST_CALLS && this.#waiting.length > 0 && now >= this.#pausedUntil) {
      if (closing.aborted || !isQuiet()) return;
      const question = this.#waiting.shift();
      if (question === undefined || question.way.over.aborted) continue;
      if (this.#affords(question.release.budget)) void this.#ask(question);
      else this.#count('no-budget');
    }
  }

  /** To be called when the scheduler stops. */
  close(): void {
    this.#waiting.length = 0;
  }

  #isOver({ way, since }: Waiting, now: number): boolean {
    if (way.over.aborted) return true;
    if (now - since < LONGEST_WAIT_MS) return false;
    this.#count('busy');
    return true;
  }

  #affords({ callsPerMinute }: ReleaseBudget): boolean {
    const { clock, schedulers } = this.#options;
    return this.#budget.affords(callsPerMinute / Math.max(1, schedulers()), clock.now());
  }

  /** Never rejects. */
  async #ask(question: ShadowQuestion): Promise<void> {
    const { clock, keys, language, settings, schedulers } = this.#options;
    const { task, way } = question;
    this.#calls++;
    const over = joinSignals([way.over, this.#options.closing]);
    try {
      const pictures = await question.pictures();
      if (pictures === null) return;
      const prompt = buildPrompt(task, language, promptsOf(settings().prompts, way));
      const leaseAskedAt = clock.now();
      const lease = await keys.lease(
        {
          waiterId: `${task.taskId}#shadow${this.#asked++}`,
          priority: 1,
          exclude: [],
          deadline: leaseAskedAt + LEASE_MS,
          tokens: tokenBound(prompt, pictures.length),
          spareOf: schedulers(),
          ...leasedBy(way),
        },
        over.signal,
      );
      if (lease.kind === 'refused') this.#count('busy');
      else if (over.signal.aborted) keys.giveBack(lease);
      else await this.#call(question, { prompt, pictures, lease, leaseAskedAt });
    } finally {
      over.release();
      this.#calls--;
      this.pump();
    }
  }

  async #call(
    { task, release, present }: ShadowQuestion,
    {
      prompt,
      pictures,
      lease,
      leaseAskedAt,
    }: {
      readonly prompt: VersionedPrompt;
      readonly pictures: readonly Picture[];
      readonly lease: LeaseGrant;
      readonly leaseAskedAt: number;
    },
  ): Promise<void> {
    const { clock, keys, language, settings, vlm, outcomes, closing } = this.#options;
    const { timeoutMs } = settings();
    const now = clock.now();
    let cost = 0;
    this.#budget.take(now);
    const made = await makeCall(
      {
        // Out of sight in the trace of the frame, too: its span is no other call's.
        taskId: `${task.taskId} shadow`,
        lease,
        leaseAskedAt,
        leasedAt: now,
        deadline: now + timeoutMs,
        request: { prompt, pictures, traceId: task.traceId, timeoutMs },
      },
      { clock, keys, vlm: vlm((more) => (cost += more)), onCall: () => undefined, abort: closing },
    );
    const { reply } = made;
    keys.settle({
      leaseId: lease.leaseId,
      outcome: reply.ok ? { kind: 'ok' } : reply.failure,
      blame: 'candidate',
      ...toldOf(reply),
    });
    this.#ended(made);
    // The next call has another shape, or nobody waits for the answer: neither says anything of the candidate.
    if (!reply.ok && (reply.failure.kind === 'stepped-down' || reply.failure.kind === 'abandoned')) return;
    const metadata = withRound({ ...NO_CALL, calls: [] }, [made], 0);
    const level = reply.ok ? levelOf(task, reply, language, clock.now()) : 'unknown';
    const failure = reply.ok ? null : failureOf(reply.failure).code;
    const candidate = judgementOf({ level, failure, promptHash: prompt.hash, metadata }, cost);
    outcomes.tell({ type: 'pair', ...questionOfOutcome(release.releaseId, task), present, candidate });
  }

  #ended({ reply }: MadeCall): void {
    this.#count(reply.ok ? 'answered' : 'failed');
    if (!reply.ok && reply.failure.kind === 'rate-limited') this.#pausedUntil = this.#options.clock.now() + LIMITED_MS;
  }

  #count(outcome: Outcome): void {
    this.#options.metrics.inc('shadow_calls_total', 1, { outcome });
  }
}

/** The level that would be shown: weighed against the measurements, as the present way's is. */
const levelOf = (
  task: AssessmentTask,
  { answer }: Extract<MadeCall['reply'], { ok: true }>,
  language: Language,
  now: number,
): Judgement['level'] =>
  answer.riskLevel === 'unknown'
    ? 'unknown'
    : (answeredByModel(task, answer, language, NO_CALL, now).results[0]?.riskLevel ?? 'unknown');
