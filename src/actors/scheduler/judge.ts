import type { CallOutcomeKind } from '../../keys/outcome.ts';
import { assessByRules } from '../../llm/rules.ts';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { KeyPoolMessage } from '../key-pool.ts';
import { assessByModel, type Assessed, type AssessParts } from './assess.ts';
import { assessParts, pause, type PartsOptions } from './parts.ts';
import { judged, NO_CALL, unjudged } from './result.ts';
import type { Turning } from './turns.ts';
import type { SchedulerInit, SchedulerMode, SchedulerSettings } from './scheduler.types.ts';

export interface JudgeOptions extends Pick<SchedulerInit, 'language' | 'budget' | 'usage'> {
  readonly clock: Clock;
  readonly pool: ActorRef<KeyPoolMessage>;
  readonly closing: AbortSignal;
  /** Null: rules judge everything. */
  readonly model: Omit<PartsOptions, 'onOutcome'> | null;
}

const ASK_MS = 1_000;
const AGAIN_MS = 250;

/** Judges tasks, by the model while keys are meant to be used, else by rules; keeps an eye on whether the provider is down. */
export class Judge {
  readonly #options: JudgeOptions;
  /** As the newest task was judged, or the next will be. */
  mode: SchedulerMode;

  constructor(options: JudgeOptions) {
    this.#options = options;
    this.mode = options.model === null ? 'rules' : 'vlm';
  }

  /** The answer, or null when the task has to go back to the bus. */
  async judge(task: AssessmentTask, turning: Turning, settings: SchedulerSettings): Promise<Assessed> {
    const { model, budget, usage, closing } = this.#options;
    if (model === null) return this.#byRules(task);
    const deadline = Date.parse(task.expiresAt);
    // Keys come and go while running: each task is judged as the keys are when its turn comes.
    const byModel = budget?.allows() !== false && (await this.#keysWanted(deadline));
    if (!byModel) return closing.aborted ? null : this.#byRules(task);
    const parts = assessParts(turning, settings, { ...model, onOutcome: (kind) => this.#ended(kind) });
    const assessed = await assessByModel(task, metered(parts, task.cameraId, usage));
    // The last key was taken away while the task waited for it.
    const reason = assessed?.error ?? assessed?.degradedReason;
    return reason?.code === 'no-lease' && !(await this.#keysWanted(deadline)) ? this.#byRules(task) : assessed;
  }

  /** Brings mode and outage up to date when no task does. Never rejects. */
  async follow(): Promise<void> {
    if (this.#options.model === null) return;
    await this.#keysWanted(this.#options.clock.now());
    await this.#askOutage();
  }

  /** A call's end may be the outage's beginning or end; the pool, which was told of it before, knows. */
  #ended(kind: CallOutcomeKind): void {
    const down = this.#options.model?.turns.downSince !== null;
    if (kind === 'ok' ? down : !down && (kind === 'timeout' || kind === 'server-error' || kind === 'network'))
      void this.#askOutage();
  }

  async #askOutage(): Promise<void> {
    const { model, pool } = this.#options;
    try {
      const down = await pool.ask({ type: 'outage' }, { timeoutMs: ASK_MS });
      if (model === null || down === (model.turns.downSince !== null)) return;
      if (down)
        model.log.warn(
          {},
          'the provider does not answer: tasks wait while they are valid, then rules judge (degraded)',
        );
      else model.log.info({ parked: model.turns.parked }, 'the provider answers again: the model judges');
      model.turns.setDown(down);
    } catch {
      // The pool is being restarted: as it was, until it can be asked.
    }
  }

  /**
   * Whether any key is meant to be used. While the pool is away (it is being restarted), asks again until `deadline`,
   * then takes it to be as it was. Never rejects.
   */
  async #keysWanted(deadline: number): Promise<boolean> {
    const { clock, pool, closing } = this.#options;
    for (;;) {
      try {
        const wanted = (await pool.ask({ type: 'wanted' }, { timeoutMs: ASK_MS })) > 0;
        this.mode = wanted ? 'vlm' : 'rules';
        return wanted;
      } catch {
        if (closing.aborted || clock.now() + AGAIN_MS >= deadline) return this.mode === 'vlm';
        await pause(clock, AGAIN_MS, closing);
      }
    }
  }

  #byRules(task: AssessmentTask): Assessed {
    const now = this.#options.clock.now();
    if (now >= Date.parse(task.expiresAt))
      return unjudged(
        task,
        { code: 'expired', message: 'the task was too old when its turn came' },
        'rules',
        NO_CALL,
        now,
      );
    // Rules judge measured geometry, and nothing was measured on a picture that somebody handed in.
    if (task.cameraId === ON_DEMAND_CAMERA)
      return unjudged(
        task,
        { code: 'no-lease', message: 'no API key can be used now, and rules cannot judge a picture alone' },
        'rules',
        NO_CALL,
        now,
      );
    return judged(task, assessByRules(task, this.#options.language), 'rules', NO_CALL, now);
  }
}

/** The parts of one task that tell `usage` what its calls used. */
const metered = (parts: AssessParts, cameraId: string, usage: SchedulerInit['usage']): AssessParts =>
  usage === undefined
    ? parts
    : {
        ...parts,
        call: async (request) => {
          const reply = await parts.call(request);
          usage.record({
            keyName: request.access.keyName,
            cameraId,
            promptTokens: reply.promptTokens,
            completionTokens: reply.completionTokens,
          });
          return reply;
        },
      };
