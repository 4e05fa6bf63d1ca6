import { defineActor } from '../../../src/runtime/actor.ts';
import type { Asking } from '../../../src/runtime/message.ts';
import { type Add, BURST, type Tally } from '../subject.ts';

export type CounterMessage =
  | Add
  | ({ readonly type: 'double'; readonly n: number } & Asking<number>)
  | ({ readonly type: 'handled' } & Asking<number>);

const mailbox = { capacity: BURST + 100, overflow: 'refuse' } as const;

/** Counts tells and answers asks. Its count can also be read from this thread. */
export const counter = defineActor<CounterMessage>()<Tally>({
  kind: 'counter',
  mailbox,
  start: (_, tally) => ({
    handlers: { add: ({ by }) => tally.add(by), double: ({ n }) => n * 2, handled: () => tally.handled },
  }),
});

/** The same in a thread of its own. */
export const threadCounter = defineActor<CounterMessage>()<null>({
  kind: 'counter',
  mailbox,
  module: { url: import.meta.url, name: 'threadCounter' },
  wire: 'json',
  start: () => {
    let handled = 0;
    let sum = 0;
    return {
      handlers: {
        add: ({ by }) => {
          sum += by;
          handled += 1;
        },
        double: ({ n }) => n * 2,
        handled: () => (sum >= 0 ? handled : Number.NaN),
      },
    };
  },
});

/** The smallest possible actor. */
export const idler = defineActor<Add>()<null>({
  kind: 'idler',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: () => ({ handlers: { add: () => undefined } }),
});
