import { createHmac } from 'node:crypto';
import type { Bus } from '../infra/bus.ts';
import type { Egress } from '../infra/egress.ts';
import { EgressError } from '../infra/egress.ts';
import { Stage } from '../infra/stage.ts';
import { DONE, type Handle, RETRY_NOW } from '../infra/stage-processor.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import type { Secret } from '../keys/secret.ts';
import { clipped } from '../messages/bounds.ts';
import type { HookState } from '../messages/on-demand.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { WebhookJob } from '../messages/webhook.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

export interface WebhooksInit {
  readonly bus: Bus;
  /** For URLs that users named. */
  readonly guarded: Pick<Egress, 'fetch'>;
  /** For those of `alertHooks`, which the operator named: any address. */
  readonly open: Pick<Egress, 'fetch'>;
  /** Signs every call. Null: nothing is called. */
  readonly secret: Secret | null;
  readonly alertHooks: readonly string[];
  /** Those for alerts about Gantry itself, as they stand; which the operator named, too. */
  readonly monitoringHooks: () => readonly string[];
  readonly openTo: (urls: readonly string[]) => Pick<Egress, 'fetch'>;
  /** Told how the delivery of an assessment's hook goes. */
  readonly onHook: (assessmentId: string, state: HookState) => Promise<void>;
  /** Waits in ms before the second and later attempts; one more attempt than waits. Default: {@link BACKOFF_MS}. */
  readonly backoffMs?: readonly number[];
}

/** Five attempts within eight and a half minutes, time-outs included. */
const BACKOFF_MS: readonly number[] = [5_000, 30_000, 120_000, 300_000];
const TIMEOUT_MS = 10_000;
const IN_FLIGHT = 8;
const FLUSH_MS = 2_000;
const ANSWER_BYTES = 4_096;

/**
 * `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. A receiver refuses old times, so that a call cannot be replayed.
 */
function signatureOf(body: string, secret: Secret, nowMs: number): string {
  const t = Math.floor(nowMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret.reveal()).update(`${t}.${body}`).digest('hex')}`;
}

/** The end of one call. `final`: another attempt makes no sense. */
interface CallResult {
  readonly ok: boolean;
  readonly final: boolean;
  /** Null when nothing was answered. */
  readonly status: number | null;
  /** Null when all went well. */
  readonly error: string | null;
}

const NO_SECRET: CallResult = { ok: false, final: true, status: null, error: 'GANTRY_HOOK_SECRET is not set' };

function resultOf(status: number): CallResult {
  if (status >= 200 && status < 300) return { ok: true, final: true, status, error: null };
  if (status >= 300 && status < 400)
    return { ok: false, final: true, status, error: `answered ${status}: redirects are not followed` };
  // The receiver understood the call and does not want it.
  const final = status >= 400 && status < 500 && status !== 408 && status !== 425 && status !== 429;
  return { ok: false, final, status, error: `answered ${status}` };
}

/**
 * Calls webhooks. Each call is a message of a JetStream work queue: it survives a restart, any node may make it, and
 * its redelivery is the retry with back-off.
 */
export const webhooksActor = defineActor<never>()<WebhooksInit>({
  kind: 'webhooks',
  mailbox: { capacity: 500, overflow: 'drop-oldest' },
  start: (ctx, { bus, guarded, open, secret, alertHooks, monitoringHooks, openTo, onHook, backoffMs = BACKOFF_MS }) => {
    const counts = { delivered: 0, retried: 0, failed: 0 };
    const trusted = new Set(alertHooks);
    const egressFor = ({ kind, url }: WebhookJob): Pick<Egress, 'fetch'> => {
      if (kind === 'monitoring' && monitoringHooks().includes(url)) return openTo([url]);
      return trusted.has(url) ? open : guarded;
    };

    const call = async (job: WebhookJob, by: Secret): Promise<CallResult> => {
      try {
        const { status } = await egressFor(job).fetch({
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
        return resultOf(status);
      } catch (thrown) {
        const error = asError(thrown);
        const final = error instanceof EgressError && error.code === 'EGRESS_REFUSED';
        return { ok: false, final, status: null, error: error.message };
      }
    };

    /** `wait`: ms until the next attempt; null when this was the last. */
    const tellStatus = async (job: WebhookJob, result: CallResult, attempt: number, wait: number | null) => {
      if (job.assessmentId === null) return;
      const state: HookState = {
        url: urlOrigin(job.url),
        state: result.ok ? 'delivered' : wait === null ? 'failed' : 'pending',
        attempts: attempt,
        lastStatus: result.status,
        lastError: result.error === null ? null : clipped(result.error),
        nextAttemptAt: wait === null ? null : new Date(ctx.clock.now() + wait).toISOString(),
      };
      try {
        await onHook(job.assessmentId, state);
      } catch (thrown) {
        // The call was made: a status that cannot be written now must not repeat it.
        const err = asError(thrown).message;
        ctx.log.warn({ id: job.id, err }, `the status of webhook ${job.id} could not be written`);
      }
    };

    const handle: Handle<WebhookJob> = async ({ body: job, attempt }) => {
      const result = secret === null ? NO_SECRET : await call(job, secret);
      // The stop ended the call.
      if (ctx.signal.aborted && !result.ok) return RETRY_NOW;
      const wait = result.final ? null : (backoffMs[attempt - 1] ?? null);
      await tellStatus(job, result, attempt, wait);
      const { status, error } = result;
      const fields = { id: job.id, kind: job.kind, url: urlOrigin(job.url), attempt, status, error };
      counts[result.ok ? 'delivered' : wait === null ? 'failed' : 'retried'] += 1;
      if (wait !== null) {
        ctx.log.info(fields, `webhook ${job.id} is called again in ${wait} ms: ${error ?? ''}`);
        return { kind: 'retry', afterMs: wait };
      }
      if (!result.ok) ctx.log.warn(fields, `webhook ${job.id} is given up after ${attempt} attempts: ${error ?? ''}`);
      return DONE;
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.webhooks,
      durable: consumers.webhooks,
      parser: WebhookJob,
      inFlight: IN_FLIGHT,
      handle,
      onSettled: () => ctx.report({ ...counts, running: stage.unacked, hooks: alertHooks.length }),
    });

    // The calls under way end with the signal.
    return { handlers: {}, stop: () => stage.stop(FLUSH_MS) };
  },
});
