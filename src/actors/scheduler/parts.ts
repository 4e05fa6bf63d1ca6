import type { ImageStore } from '../../infra/bus.ts';
import type { LeaseReply, LeaseRequest } from '../../keys/pool.types.ts';
import { steadyNow } from '../../keys/steady.ts';
import type { VlmClient } from '../../llm/client.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { sleep, type Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { KeyPoolMessage } from '../key-pool.ts';
import type { AssessParts } from './assess.ts';
import { statusOf } from './retry.ts';
import type { SchedulerInit, SchedulerSettings } from './types.ts';

/** Pause before something that is away (NATS, the pool during its restart) is asked again. */
const AGAIN_MS = 250;
/** The pool answers at the deadline itself; this is for one that does not. */
const ASK_GRACE_MS = 1_000;

export interface PartsOptions {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly pool: ActorRef<KeyPoolMessage>;
  readonly vlm: VlmClient;
  readonly closing: AbortSignal;
  readonly abort: AbortSignal;
  readonly onRetry: () => void;
}

/** Binds the judgement of a task to the key pool, the image store and the provider. */
export function assessParts(init: Pick<SchedulerInit, 'images' | 'language' | 'metrics'> & { readonly settings: Pick<SchedulerSettings, 'timeoutMs' | 'maxRetries'> }, options: PartsOptions): AssessParts {
  const { clock, log, pool, vlm, closing, abort } = options;
  return {
    clock,
    language: init.language,
    timeoutMs: init.settings.timeoutMs,
    maxRetries: init.settings.maxRetries,
    closing,
    abort,
    image: (id, deadline) => fetchImage(init.images, id, deadline, options),
    lease: (request) => lease(pool, request, options),
    sent: (leaseId) => void pool.tell({ type: 'sent', leaseId, at: steadyNow(clock) }),
    settle: (leaseId, outcome, blame, transit, tokens) => {
      const told = pool.tell({ type: 'settle', leaseId, outcome, blame, transit: transit ?? null, tokens: tokens ?? null });
      if (told !== 'accepted') log.warn({ leaseId, told }, 'the key pool did not take a settlement; the lease will expire');
    },
    forgive: (keyName) => void pool.tell({ type: 'forgive', keyName }),
    call: (request) => vlm.call(request),
    onCall: (kind, seconds) => {
      const status = statusOf(kind);
      if (status !== null) init.metrics.llmCall(status, seconds);
    },
    onRetry: options.onRetry,
  };
}

async function fetchImage(images: ImageStore, id: string, deadline: number, { clock, log, closing }: PartsOptions): Promise<Uint8Array | null> {
  for (;;) {
    try {
      return await images.get(id);
    } catch (thrown) {
      if (closing.aborted || clock.now() + AGAIN_MS >= deadline) return null;
      log.debug({ imageId: id, err: asError(thrown) }, 'a picture cannot be read now');
      await pause(clock, AGAIN_MS, closing);
    }
  }
}

async function lease(pool: ActorRef<KeyPoolMessage>, request: LeaseRequest, { clock, closing }: PartsOptions): Promise<LeaseReply> {
  const cancel = (): void => void pool.tell({ type: 'cancel', waiterId: request.waiterId });
  closing.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const left = request.deadline - clock.now();
      if (left <= 0 || closing.aborted) return { kind: 'refused', reason: 'deadline', message: 'no API key came free before the deadline' };
      try {
        return await pool.ask({ type: 'lease', ...request }, { timeoutMs: left + ASK_GRACE_MS });
      } catch {
        // The pool is being restarted, or its mailbox is full: both pass.
        await pause(clock, Math.min(AGAIN_MS, left), closing);
      }
    }
  } finally {
    closing.removeEventListener('abort', cancel);
  }
}

/** Sleeps, less long when `signal` is aborted. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch(() => undefined);
}
