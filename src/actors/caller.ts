import { StageCpu } from '../infra/stage-cpu.ts';
import { Secret } from '../keys/secret.ts';
import type { VlmAccess, VlmClient, VlmReply, VlmRequest } from '../llm/client.ts';
import type { Picture } from '../llm/picture.ts';
import { defineActor } from '../runtime/actor.ts';
import { monotonicMs } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { LoopDelay } from '../runtime/loop-delay.ts';
import type { Asking } from '../runtime/message.ts';
import type { Transferred } from '../runtime/transfer.ts';
import { address } from '../runtime/ref.ts';

/** A request as it crosses to the thread. `secret` is the key itself: messages are never printed, logged or shown. */
export interface CallOrder extends Pick<VlmRequest, 'prompt' | 'traceId' | 'spanId' | 'sampled'> {
  readonly access: Omit<VlmAccess, 'secret'> & { readonly secret: string };
  /** For each picture its words, and the bytes of its JPEG in the message's `jpegs`. */
  readonly pictures: readonly { readonly caption: string; readonly bytes: number }[];
  /** When it was given, by {@link monotonicMs}. */
  readonly orderedAt: number;
  /** End of the call's time by {@link monotonicMs}. An order that is read later is not begun: its lease has expired. */
  readonly endsAt: number;
}

/** A request that was written at `at` by {@link monotonicMs}. */
export interface SentReport {
  readonly at: number;
  /** How late this thread, or the order on its way to it, has been lately, in ms. */
  readonly delayMs: number;
}

export type CallerMessage =
  /**
   * Makes one call; answered when it ended, rejected when it came too late. `callId` is unique. `jpegs`: one after
   * the other, because only a message's own fields can be transferred.
   */
  | ({ type: 'call'; callId: string; order: CallOrder; jpegs: Transferred<Uint8Array<ArrayBuffer>> } & Asking<VlmReply>)
  /** After `call`: answered when the request was written, with null when it never was. */
  | ({ type: 'sent'; callId: string } & Asking<SentReport | null>)
  | { type: 'give-up'; callId: string };

export const CALLER = address<CallerMessage>('/caller');

const REPORT_MS = 1_000;
/** Delays of this thread are remembered for as long as a window of calls lasts, and a little longer. */
const DELAYS_MS = 2_000;

interface Call {
  readonly abort: AbortController;
  readonly sent: PromiseWithResolvers<SentReport | null>;
}

/**
 * Makes the calls to the providers in a thread of its own. Writing requests, reading answers and collecting their
 * garbage is a third of the work for a group and would hold up leases, aggregates and pushes.
 */
export const callerActor = defineActor<CallerMessage, { type: 'report' }>()<null>({
  kind: 'caller',
  // Three for each call; the scheduler has at most 1,000 under way.
  mailbox: { capacity: 10_000, overflow: 'refuse' },
  module: { url: import.meta.url, name: 'callerActor' },
  start: (ctx) => {
    let client: Promise<VlmClient> | null = null;
    /**
     * The provider's library is slow to load: with the first call, or a second after the start, so as not to delay
     * that.
     */
    const load = (): Promise<VlmClient> => {
      if (client === null) {
        client = import('../llm/client.ts').then(({ createVlmClient }) => createVlmClient());
        client.catch((thrown: unknown) => ctx.fail(asError(thrown)));
      }
      return client;
    };
    const calls = new Map<string, Call>();
    /** The secret of each key as one object, by which the client sees that it has not changed. */
    const secrets = new Map<string, Secret>();
    let made = 0;
    let reported = '';
    const loop = new LoopDelay(DELAYS_MS);
    const cpu = new StageCpu(ctx.metrics, 'caller');
    ctx.setInterval('report', REPORT_MS, { type: 'report' });

    const secretOf = ({ keyName, secret }: CallOrder['access']): Secret => {
      const known = secrets.get(keyName);
      if (known?.reveal() === secret) return known;
      const now = new Secret(secret);
      secrets.set(keyName, now);
      return now;
    };

    const make = async (
      { order, jpegs }: { readonly order: CallOrder; readonly jpegs: Uint8Array },
      { abort, sent }: Call,
    ): Promise<VlmReply> => {
      const { access, orderedAt, endsAt, pictures, ...rest } = order;
      const handOverMs = monotonicMs() - orderedAt;
      const vlm = await load();
      const timeoutMs = endsAt - monotonicMs();
      if (timeoutMs <= 0) throw new Error('its time was over before it began');
      return vlm.call({
        ...rest,
        timeoutMs,
        access: { ...access, secret: secretOf(access) },
        pictures: picturesIn(pictures, jpegs),
        signal: abort.signal,
        onSent: () => sent.resolve({ at: monotonicMs(), delayMs: Math.max(0, handOverMs, loop.mostMs()) }),
      });
    };

    return {
      handlers: {
        call: (message) => {
          const answer = ctx.defer<VlmReply>();
          const call: Call = { abort: new AbortController(), sent: Promise.withResolvers() };
          calls.set(message.callId, call);
          make(message, call)
            .then(
              (reply) => answer.resolve(reply),
              (thrown: unknown) => answer.reject(asError(thrown)),
            )
            .finally(() => {
              calls.delete(message.callId);
              call.sent.resolve(null);
              made += 1;
            });
          return answer;
        },
        sent: ({ callId }) => {
          const told = ctx.defer<SentReport | null>();
          void (calls.get(callId)?.sent.promise ?? Promise.resolve(null)).then((at) => told.resolve(at));
          return told;
        },
        'give-up': ({ callId }) => calls.get(callId)?.abort.abort(),
        report: () => {
          cpu.note();
          void load();
          const now = `${made} ${calls.size}`;
          if (now !== reported) ctx.report({ calls: made, underWay: calls.size });
          reported = now;
        },
      },
      stop: () => loop.stop(),
    };
  },
});

function picturesIn(pictures: CallOrder['pictures'], jpegs: Uint8Array): Picture[] {
  let end = 0;
  return pictures.map(({ caption, bytes }) => {
    end += bytes;
    return { caption, jpeg: jpegs.subarray(end - bytes, end) };
  });
}
