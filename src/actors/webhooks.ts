import { createHmac } from 'node:crypto';
import type { Bus, Delivery } from '../infra/bus.ts';
import { consume, failed } from '../infra/consume.ts';
import type { Egress } from '../infra/egress.ts';
import { EgressError } from '../infra/egress.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import type { Secret } from '../keys/secret.ts';
import { clipped } from '../messages/bounds.ts';
import type { HookState } from '../messages/on-demand.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { WebhookJob } from '../messages/webhook.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

type Private = { readonly type: 'finished'; readonly end: 'delivered' | 'retried' | 'failed' };

export interface WebhooksInit {
  readonly bus: Bus;
  /** For URLs that somebody else named. */
  readonly guarded: Pick<Egress, 'fetch'>;
  /** For those of `alertHooks`, which the operator named: any address. */
  readonly open: Pick<Egress, 'fetch'>;
  /** Signs every call. Null: nothing is called. */
  readonly secret: Secret | null;
  readonly alertHooks: readonly string[];
  /** Told how the delivery of an assessment's hook goes. */
  readonly onHook: (assessmentId: string, state: HookState) => Promise<void>;
  /** Waits before the second and later attempts; one more attempt than waits. Default: {@link BACKOFF_MS}. */
  readonly backoffMs?: readonly number[];
}

/** Five attempts within eight and a half minutes, time-outs included. */
export const BACKOFF_MS: readonly number[] = [5_000, 30_000, 120_000, 300_000];
const TIMEOUT_MS = 10_000;
const AT_ONCE = 8;
const ANSWER_BYTES = 4_096;

/** `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. A receiver refuses old times, so that a call cannot be replayed. */
export function signatureOf(body: string, secret: Secret, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret.reveal()).update(`${t}.${body}`).digest('hex')}`;
}

/** Answers after which another attempt makes no sense: the receiver understood and does not want it. */
const FINAL = (status: number): boolean =>
  status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;

/**
 * Calls webhooks. Each call is a message of a JetStream work queue: it survives a restart, any node may make it, and
 * its redelivery is the retry with back-off.
 */
export const webhooksActor = defineActor<never, Private>()<WebhooksInit>({
  kind: 'webhooks',
  mailbox: { capacity: 500, overflow: 'drop-oldest' },
  start: (ctx, { bus, guarded, open, secret, alertHooks, onHook, backoffMs = BACKOFF_MS }) => {
    const counts = { delivered: 0, retried: 0, failed: 0, running: 0 };
    const waiting: (() => void)[] = [];
    const running = new Set<Promise<void>>();
    const trusted = new Set(alertHooks);

    const attempt = async (delivery: Delivery<WebhookJob>): Promise<Private['end']> => {
      const job = delivery.body;
      const handBack = (): Private['end'] => {
        delivery.nak(0);
        return 'retried';
      };
      if (ctx.signal.aborted) return handBack();
      const outcome =
        secret === null
          ? { ok: false, final: true, status: null, error: 'GANTRY_HOOK_SECRET is not set' }
          : await call(job, secret);
      if (ctx.signal.aborted && !outcome.ok) return handBack();
      const wait = outcome.ok || outcome.final ? undefined : backoffMs[delivery.attempt - 1];
      const url = urlOrigin(job.url);
      const state: HookState = {
        url,
        state: outcome.ok ? 'delivered' : wait === undefined ? 'failed' : 'pending',
        attempts: delivery.attempt,
        lastStatus: outcome.status,
        lastError: outcome.error === null ? null : clipped(outcome.error),
        nextAttemptAt: wait === undefined ? null : new Date(ctx.clock.now() + wait).toISOString(),
      };
      if (job.assessmentId !== null) {
        // The call was made: that its status cannot be written now must not make it again.
        await onHook(job.assessmentId, state).catch((thrown: unknown) =>
          ctx.log.warn(
            { id: job.id, err: asError(thrown).message },
            `the status of webhook ${job.id} could not be written`,
          ),
        );
      }
      const fields = {
        id: job.id,
        kind: job.kind,
        url,
        attempt: delivery.attempt,
        status: outcome.status,
        error: outcome.error,
      };
      if (wait !== undefined) {
        delivery.nak(wait);
        ctx.log.info(fields, `webhook ${job.id} is called again in ${wait} ms: ${outcome.error ?? ''}`);
        return 'retried';
      }
      delivery.ack();
      if (!outcome.ok)
        ctx.log.warn(
          fields,
          `webhook ${job.id} is given up after ${delivery.attempt} attempts: ${outcome.error ?? ''}`,
        );
      return outcome.ok ? 'delivered' : 'failed';
    };

    const call = async (
      job: WebhookJob,
      by: Secret,
    ): Promise<{
      readonly ok: boolean;
      readonly final: boolean;
      readonly status: number | null;
      readonly error: string | null;
    }> => {
      try {
        const { status } = await (trusted.has(job.url) ? open : guarded).fetch({
          url: job.url,
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            'gantry-delivery': job.id,
            'gantry-event': job.kind,
            'gantry-signature': signatureOf(job.body, by, ctx.clock.now()),
          },
          body: job.body,
          timeoutMs: TIMEOUT_MS,
          maxBytes: ANSWER_BYTES,
          cut: true,
          signal: ctx.signal,
        });
        const ok = status >= 200 && status < 300;
        const redirect = status >= 300 && status < 400;
        return {
          ok,
          final: FINAL(status) || redirect,
          status,
          error: ok ? null : redirect ? `answered ${status}: redirects are not followed` : `answered ${status}`,
        };
      } catch (thrown) {
        const error = asError(thrown);
        return {
          ok: false,
          final: error instanceof EgressError && error.code === 'EGRESS_REFUSED',
          status: null,
          error: error.message,
        };
      }
    };

    const take = async (delivery: Delivery<WebhookJob>): Promise<void> => {
      if (counts.running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
      counts.running += 1;
      const work = attempt(delivery)
        .then((end) => void ctx.self.tell({ type: 'finished', end }))
        .catch((thrown: unknown) => failed(delivery, consumers.webhooks, asError(thrown), ctx.log))
        .finally(() => {
          counts.running -= 1;
          running.delete(work);
          waiting.shift()?.();
        });
      running.add(work);
    };
    ctx.signal.addEventListener('abort', () => waiting.splice(0).forEach((go) => go()), { once: true });
    consume({
      bus,
      stream: streams.webhooks,
      durable: consumers.webhooks,
      parser: WebhookJob,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: AT_ONCE,
      take,
    }).catch((thrown: unknown) => ctx.fail(asError(thrown)));

    return {
      handlers: {
        finished: ({ end }) => {
          counts[end] += 1;
          ctx.report({ ...counts, hooks: alertHooks.length });
        },
      },
      // Calls under way are given up with the signal and handed back.
      stop: async () => void (await Promise.all(running)),
    };
  },
});
