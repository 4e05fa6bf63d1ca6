/** Type-level tests: each `@ts-expect-error` fails the type check when the line below it compiles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor } from '../../src/runtime/actor.ts';
import type { Asking, ReplyOf } from '../../src/runtime/message.ts';
import { transfer, type Transferred } from '../../src/runtime/transfer.ts';
import { type ActorRef, address } from '../../src/runtime/ref.ts';
import { child } from '../../src/runtime/supervision.ts';

type Bell =
  | { type: 'ring'; times: number }
  | ({ type: 'count' } & Asking<number>)
  | ({ type: 'name'; language: string } & Asking<string>);
type Equal<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const BOX = { capacity: 1, overflow: 'refuse' } as const;

/** Never called: it only has to compile, or not. */
export function refs(bell: ActorRef<Bell>): void {
  bell.tell({ type: 'ring', times: 2 });
  // @ts-expect-error a message outside the protocol
  bell.tell({ type: 'rings', times: 2 });
  // @ts-expect-error a field of the wrong type
  bell.tell({ type: 'ring', times: 'twice' });
  // @ts-expect-error a missing field
  bell.tell({ type: 'ring' });
  // @ts-expect-error a message that is answered must be asked
  bell.tell({ type: 'count' });
  // @ts-expect-error a message that is not answered cannot be asked
  void bell.ask({ type: 'ring', times: 1 }, { timeoutMs: 1 });
  // @ts-expect-error an ask without a time-out
  void bell.ask({ type: 'count' });
  // @ts-expect-error an ask with options but no time-out
  void bell.ask({ type: 'count' }, {});
  // @ts-expect-error an offer without a time-out
  void bell.offer({ type: 'ring', times: 1 });
  const count = bell.ask({ type: 'count' }, { timeoutMs: 1 });
  const name = bell.ask({ type: 'name', language: 'en' }, { timeoutMs: 1 });
  const replies: [
    Equal<typeof count, Promise<number>>,
    Equal<typeof name, Promise<string>>,
    Equal<ReplyOf<{ type: 'ring'; times: number }>, never>,
  ] = [true, true, true];
  void replies;
  // @ts-expect-error a ref of another protocol
  const other: ActorRef<{ type: 'other' }> = address<Bell>('/bell');
  void other;
}

export function definitions(): void {
  const ok = defineActor<Bell, { type: 'tick' }>()<{ pitch: number }>({
    kind: 'bell',
    mailbox: BOX,
    start: (ctx) => {
      ctx.setTimer('t', 1, { type: 'tick' });
      // @ts-expect-error a timer with a message the actor does not handle
      ctx.setTimer('t', 1, { type: 'tock' });
      return { handlers: { ring: () => undefined, count: () => 1, name: () => 'bell', tick: () => undefined } };
    },
  });
  child('bell', ok, () => ({ pitch: 440 }));
  // @ts-expect-error an init of another type
  child('bell', ok, () => ({ pitch: 'a' }));

  defineActor<Bell>()<null>({
    kind: 'bell',
    mailbox: BOX,
    // @ts-expect-error a missing handler
    start: () => ({ handlers: { ring: () => undefined, count: () => 1 } }),
  });
  defineActor<Bell>()<null>({
    kind: 'bell',
    mailbox: BOX,
    // @ts-expect-error a handler that answers with the wrong type
    start: () => ({ handlers: { ring: () => undefined, count: () => 'one', name: () => 'bell' } }),
  });
  defineActor<Bell>()<null>({
    kind: 'bell',
    mailbox: BOX,
    // @ts-expect-error a handler that forgets to answer
    start: () => ({ handlers: { ring: () => undefined, count: () => undefined, name: () => 'bell' } }),
  });
  defineActor<Bell>()<null>({
    kind: 'bell',
    // @ts-expect-error an overflow policy that does not exist
    mailbox: { capacity: 1, overflow: 'drop-newest' },
    start: () => assert.fail(),
  });
}

export function privateMessages(): void {
  const definition = defineActor<Bell, { type: 'tick' }>()<null>({
    kind: 'bell',
    mailbox: BOX,
    start: () => ({ handlers: { ring: () => undefined, count: () => 1, name: () => '', tick: () => undefined } }),
  });
  const outside = (ref: ActorRef<Bell>): void => {
    // @ts-expect-error an actor's private message is not on its public ref
    ref.tell({ type: 'tick' });
  };
  void [definition, outside];
}

export function wires(): void {
  defineActor<{ type: 'plain'; list: { a: number }[] }>()<null>({
    kind: 'k',
    mailbox: BOX,
    wire: 'json',
    start: () => assert.fail(),
  });
  defineActor<{ type: 'frame'; data: Uint8Array }>()<null>({
    kind: 'k',
    mailbox: BOX,
    // @ts-expect-error bytes do not survive JSON
    wire: 'json',
    start: () => assert.fail(),
  });
  defineActor<{ type: 'when'; at: Date }>()<null>({
    kind: 'k',
    mailbox: BOX,
    // @ts-expect-error a Date does not survive JSON
    wire: 'json',
    start: () => assert.fail(),
  });
  defineActor<{ type: 'perhaps'; value: number | undefined }>()<null>({
    kind: 'k',
    mailbox: BOX,
    // @ts-expect-error undefined does not survive JSON
    wire: 'json',
    start: () => assert.fail(),
  });
}

test('a buffer that is given away keeps its type', () => {
  const frame: Transferred<Uint8Array<ArrayBuffer>> = transfer(new Uint8Array(3));
  assert.equal(frame.byteLength, 3);
});
