import { defineActor, type MailboxOptions } from '../../src/runtime/actor.ts';
import type { SystemEvent } from '../../src/runtime/inspect.ts';
import type { Asking } from '../../src/runtime/message.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, supervisor, type ChildOptions } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from './log.ts';

export type CounterMessage =
  | { type: 'add'; by: number }
  | ({ type: 'total' } & Asking<number>)
  | ({ type: 'later' } & Asking<string>)
  | { type: 'answer-later'; text: string }
  | { type: 'block'; until: Promise<void> }
  | { type: 'throw' }
  | { type: 'tick-every'; ms: number }
  | { type: 'break-outside' };
type CounterPrivate = { type: 'tick' };

interface CounterInit {
  readonly seen: string[];
  readonly failStarts?: { left: number };
  readonly onStop?: (reason: string) => void | Promise<void>;
}

export const BOX: MailboxOptions = { capacity: 3, overflow: 'refuse' };
export const counter = (mailbox = BOX) =>
  defineActor<CounterMessage, CounterPrivate>()<CounterInit>({
    kind: 'counter',
    mailbox,
    start: (ctx, init) => {
      if (init.failStarts !== undefined && init.failStarts.left > 0) {
        init.failStarts.left -= 1;
        throw new Error('cannot start');
      }
      let total = 0;
      const open: { resolve(text: string): void }[] = [];
      init.seen.push(`start ${ctx.incarnation}`);
      return {
        handlers: {
          add: ({ by }) => {
            total += by;
            init.seen.push(`add ${by}`);
          },
          total: () => total,
          later: () => {
            const deferred = ctx.defer<string>();
            open.push(deferred);
            return deferred;
          },
          'answer-later': ({ text }) => open.shift()?.resolve(text),
          block: ({ until }) => until,
          throw: () => {
            throw new Error('boom');
          },
          'tick-every': ({ ms }) => ctx.setInterval('tick', ms, { type: 'tick' }),
          tick: () => {
            init.seen.push('tick');
          },
          'break-outside': () => {
            ctx.self.tell({ type: 'add', by: 0 });
            queueMicrotask(() => ctx.fail(new Error('connection lost')));
          },
        },
        stop: async (reason) => {
          init.seen.push(`stop ${reason}`);
          await init.onStop?.(reason);
        },
      };
    },
  });

const COUNTER = address<CounterMessage>('/counter');

export async function startCounter(
  init: Partial<CounterInit> = {},
  options: ChildOptions = {},
  mailbox = BOX,
  intensity = { maxRestarts: 3, withinMs: 10_000 },
) {
  const clock = new ManualClock();
  const log = memoryLog();
  const seen: string[] = [];
  const escalations: Error[] = [];
  const tree = supervisor(
    'root',
    [
      child('counter', counter(mailbox), () => ({ seen, ...init }), {
        backoff: { minMs: 100, maxMs: 1000, factor: 2, resetAfterMs: 5000 },
        ...options,
      }),
    ],
    { intensity },
  );
  const system = await startSystem(tree, {
    log,
    clock,
    random: () => 0,
    onEscalation: (error) => escalations.push(error),
  });
  const events: SystemEvent[] = [];
  system.subscribe((event) => events.push(event));
  return { clock, log, seen, system, events, escalations, ref: system.ref(COUNTER) };
}
