import { randomUUID } from 'node:crypto';
import type { VlmClient, VlmReply } from '../../llm/client.ts';
import { type IsSampled, NONE_SAMPLED } from '../../messages/trace-context.ts';
import { monotonicMs } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { transfer } from '../../runtime/transfer.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { CallerMessage, SentReport } from '../caller.ts';

/** The caller enforces a call's own time-out. This later one is for a caller that does not answer. */
const GRACE_MS = 5_000;
/** Time for the caller to confirm that it gave a call up. */
const GIVE_UP_MS = 1_000;

/**
 * Has calls made by the caller actor, which may run in another thread. A call that is lost because the caller ended
 * counts as failed on the network; when nothing is known of it, it also counts as sent.
 */
export function callerClient(caller: ActorRef<CallerMessage>, isSampled: IsSampled = NONE_SAMPLED): VlmClient {
  // A restarted scheduler counts from 1 again, while the caller may still have calls of the one before.
  const name = randomUUID();
  let calls = 0;

  return {
    call: async ({ access, prompt, pictures, traceId, spanId, timeoutMs, signal, onSent }) => {
      if (signal?.aborted === true) return lost('abandoned', 'given up before it was sent');
      const callId = `${name}:${(calls += 1)}`;
      const { keyName, baseUrl, model, responseFormat, maxOutputTokens, maxImages, extraBody } = access;
      const sent = {
        keyName,
        baseUrl,
        model,
        responseFormat,
        ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
        ...(maxImages === undefined ? {} : { maxImages }),
        extraBody: extraBody ?? null,
        secret: access.secret.reveal(),
      };
      const orderedAt = monotonicMs();
      const order = {
        access: sent,
        prompt,
        traceId,
        sampled: isSampled(traceId),
        ...(spanId === undefined ? {} : { spanId }),
        pictures: pictures.map(({ caption, jpeg }) => ({ caption, bytes: jpeg.byteLength })),
        orderedAt,
        endsAt: orderedAt + timeoutMs,
      };
      const waits = { timeoutMs: 2 * timeoutMs + GRACE_MS };
      let left = (report: SentReport): void => {
        left = () => undefined;
        onSent?.(Math.max(0, monotonicMs() - report.at), report.delayMs);
      };
      const silent = Promise.withResolvers<VlmReply>();
      let timer: NodeJS.Timeout | null = null;
      const giveUp = (): void => {
        caller.tell({ type: 'give-up', callId });
        timer = setTimeout(() => {
          left({ at: monotonicMs(), delayMs: 0 });
          silent.resolve(lost('abandoned', 'given up, and nothing was heard of it since'));
        }, GIVE_UP_MS);
      };
      // A copy: where the pictures come from, they share their memory with other messages.
      const jpegs = transfer(joined(pictures.map(({ jpeg }) => jpeg)));
      const answer = caller.ask({ type: 'call', callId, order, jpegs }, waits);
      const told = caller.ask({ type: 'sent', callId }, waits).then(
        (report) => {
          if (report !== null) left(report);
        },
        // The answer fails in the same way.
        () => undefined,
      );
      signal?.addEventListener('abort', giveUp, { once: true });
      try {
        return await Promise.race([answer.then((reply) => told.then(() => reply)), silent.promise]);
      } catch (thrown) {
        left({ at: monotonicMs(), delayMs: 0 });
        return lost('network', `the call was lost in Gantry itself: ${asError(thrown).message}`);
      } finally {
        if (timer !== null) clearTimeout(timer);
        signal?.removeEventListener('abort', giveUp);
      }
    },
  };
}

/** All parts, one after the other. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

const lost = (kind: 'abandoned' | 'network', message: string): VlmReply => ({
  ok: false,
  failure: { kind, message },
  promptTokens: 0,
  completionTokens: 0,
});
