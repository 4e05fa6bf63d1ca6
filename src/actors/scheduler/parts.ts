import type { ImageStore } from '../../infra/bus.ts';
import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { LeaseReply, LeaseRequest } from '../../keys/pool.types.ts';
import { steadyNow } from '../../keys/steady.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { Language } from '../../llm/language.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { sleep, type Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { joinSignals } from '../../runtime/joined-signal.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { KeyPoolMessage } from '../key-pool.ts';
import type { AssessParts } from './assess.ts';
import type { HedgeBudget } from './hedge.ts';
import { statusOf } from './retry.ts';
import type { Turning, Turns } from './turns.ts';
import type { SchedulerMetrics, SchedulerSettings } from './scheduler.types.ts';

/** Pause before something that is away (NATS, the pool during its restart) is asked again. */
const AGAIN_MS = 250;
/** The pool answers at the deadline itself; this is for one that does not. */
const ASK_GRACE_MS = 1_000;

export interface PartsOptions {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly pool: ActorRef<KeyPoolMessage>;
  readonly vlm: VlmClient;
  readonly images: ImageStore;
  readonly metrics: SchedulerMetrics;
  readonly language: Language;
  readonly turns: Turns;
  readonly hedges: HedgeBudget;
  readonly closing: AbortSignal;
  readonly abort: AbortSignal;
  readonly onRetry: () => void;
  /** A call ended so. */
  readonly onOutcome: (kind: CallOutcomeKind) => void;
}

/** Binds the judgement of one task to the key pool, the image store and the provider, under the settings as they are now. */
export function assessParts(
  turning: Turning,
  settings: Pick<SchedulerSettings, 'timeoutMs' | 'maxRetries' | 'hedgeAfterMs'>,
  options: PartsOptions,
): AssessParts {
  const { clock, log, pool, vlm, images, metrics, language, turns, hedges, closing, abort, onRetry, onOutcome } =
    options;
  return {
    clock,
    language,
    timeoutMs: settings.timeoutMs,
    maxRetries: settings.maxRetries,
    hedge:
      settings.hedgeAfterMs > 0 && turns.downSince === null ? { afterMs: settings.hedgeAfterMs, budget: hedges } : null,
    closing,
    abort,
    turn: () => turns.turn(turning),
    providerDown: () => turns.downSince !== null,
    image: (id, deadline) => fetchImage(images, id, deadline, options),
    lease: (request) =>
      turns.leasing(turning, (withdraw) => {
        const until = joinSignals([closing, withdraw]);
        return lease(pool, request, until.signal, clock).finally(() => until.release());
      }),
    // Whole ms, and rather a moment too late than too early.
    sent: (leaseId, agoMs) => void pool.tell({ type: 'sent', leaseId, at: steadyNow(clock) - Math.floor(agoMs) }),
    settle: (settlement) => {
      const { leaseId, outcome } = settlement;
      const told = pool.tell({ type: 'settle', ...settlement });
      if (told !== 'accepted')
        log.warn({ leaseId, told }, 'the key pool did not take a settlement; the lease will expire');
      onOutcome(outcome.kind);
    },
    forgive: (keyName) => void pool.tell({ type: 'forgive', keyName }),
    call: (request) => vlm.call(request),
    onCall: (kind, seconds) => {
      const status = statusOf(kind);
      if (status !== null) metrics.llmCall(status, seconds);
    },
    onRetry,
  };
}

async function fetchImage(
  images: ImageStore,
  id: string,
  deadline: number,
  { clock, log, closing }: PartsOptions,
): Promise<Uint8Array | null> {
  for (;;) {
    try {
      return await images.get(id, closing);
    } catch (thrown) {
      if (closing.aborted || clock.now() + AGAIN_MS >= deadline) return null;
      log.debug({ imageId: id, err: asError(thrown) }, 'a picture cannot be read now');
      await pause(clock, AGAIN_MS, closing);
    }
  }
}

/** `until` aborted: the request is withdrawn and answered with `cancelled`, unless the lease is on its way already. */
async function lease(
  pool: ActorRef<KeyPoolMessage>,
  request: LeaseRequest,
  until: AbortSignal,
  clock: Clock,
): Promise<LeaseReply> {
  const cancel = (): void => void pool.tell({ type: 'cancel', waiterId: request.waiterId });
  until.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const left = request.deadline - clock.now();
      if (until.aborted)
        return { kind: 'refused', reason: 'cancelled', message: 'the request for an API key was withdrawn' };
      if (left <= 0)
        return { kind: 'refused', reason: 'deadline', message: 'no API key came free before the deadline' };
      try {
        return await pool.ask({ type: 'lease', ...request }, { timeoutMs: left + ASK_GRACE_MS });
      } catch {
        // The pool is being restarted, or its mailbox is full: both pass.
        await pause(clock, Math.min(AGAIN_MS, left), until);
      }
    }
  } finally {
    until.removeEventListener('abort', cancel);
  }
}

/** Sleeps, less long when `signal` is aborted. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch(() => undefined);
}
