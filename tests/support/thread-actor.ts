import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { defineActor } from '../../src/runtime/actor.ts';
import type { Asking, Deferred } from '../../src/runtime/message.ts';
import { transfer, type Transferred } from '../../src/runtime/transfer.ts';
import { address } from '../../src/runtime/ref.ts';

export type PeerMessage =
  | { type: 'note'; n: number }
  | ({ type: 'double'; n: number } & Asking<number>)
  | ({ type: 'length'; data: Transferred<Uint8Array<ArrayBuffer>> } & Asking<number>);
/** Noted by an actor that enters an endless loop. */
export const SPINS = -1;
export const PEER = address<PeerMessage>('/peer');

export type GuestMessage =
  | ({ type: 'thread-id' } & Asking<number>)
  | ({ type: 'ask-peer'; n: number } & Asking<number>)
  | ({ type: 'send-buffer'; bytes: number } & Asking<{ received: number; leftBehind: number }>)
  | { type: 'tell-peer'; count: number }
  /** Tells `count` messages without a pause; answers how many were accepted. */
  | ({ type: 'flood-peer'; count: number } & Asking<number>)
  | ({ type: 'offer-peer'; count: number } & Asking<number>)
  | ({ type: 'watch'; path: string } & Asking<string>)
  | { type: 'abort' }
  | { type: 'exhaust-memory' }
  | { type: 'leave' }
  | { type: 'throw' }
  /** Records `n` values of each kind of metric. */
  | { type: 'record'; n: number }
  | { type: 'record-and-throw' }
  | { type: 'throw-outside' }
  | { type: 'exit' }
  | { type: 'spin' }
  | { type: 'native'; ms: number }
  | ({ type: 'child-process' } & Asking<number>)
  | { type: 'tick-every'; ms: number }
  | ({ type: 'ticks' } & Asking<number>);

export interface GuestInit {
  readonly failStart?: boolean;
  readonly hangStart?: boolean;
}

/** Misbehaves on request in every way that could harm its worker. */
export const guestActor = defineActor<GuestMessage, { type: 'tick' }>()<GuestInit>({
  kind: 'guest',
  mailbox: { capacity: 100, overflow: 'refuse' },
  module: { url: import.meta.url, name: 'guestActor' },
  start: async (ctx, init) => {
    if (init.failStart === true) throw new Error('no camera here');
    if (init.hangStart === true) await delay(60_000);
    const { threadId } = await import('node:worker_threads');
    const peer = ctx.ref(PEER);
    let ticks = 0;
    let watched: Deferred<string> | null = null;
    ctx.report({ thread: threadId || process.pid });
    return {
      handlers: {
        // In a process the thread id is 0, as on the main thread, so the process id tells.
        'thread-id': () => threadId || process.pid,
        'ask-peer': ({ n }) => peer.ask({ type: 'double', n }, { timeoutMs: 20_000 }),
        'send-buffer': async ({ bytes }) => {
          const data = new Uint8Array(bytes);
          const received = await peer.ask({ type: 'length', data: transfer(data) }, { timeoutMs: 20_000 });
          return { received, leftBehind: data.byteLength };
        },
        'tell-peer': ({ count }) => {
          for (let n = 0; n < count; n += 1) peer.tell({ type: 'note', n });
        },
        'flood-peer': ({ count }) =>
          Array.from({ length: count }, (_, n) => peer.tell({ type: 'note', n })).filter(
            (outcome) => outcome === 'accepted',
          ).length,
        'offer-peer': async ({ count }) => {
          for (let n = 0; n < count; n += 1) await peer.offer({ type: 'note', n }, { timeoutMs: 30_000 });
          return count;
        },
        watch: ({ path }) => {
          ctx.watch({ path });
          watched = ctx.defer<string>();
          return watched;
        },
        abort: () => process.abort(),
        'exhaust-memory': () => {
          const hoard: number[][] = [];
          for (;;) hoard.push(Array.from({ length: 100_000 }, (_, n) => n));
        },
        leave: () => ctx.exit('normal'),
        throw: () => {
          throw Object.assign(new Error('bad frame'), { code: 'BAD_FRAME' });
        },
        record: ({ n }) => {
          for (let i = 0; i < n; i += 1) {
            ctx.metrics.inc('done_total', 1, { kind: 'x' });
            ctx.metrics.set('depth', i);
            ctx.metrics.observe('wait_seconds', i);
          }
        },
        'record-and-throw': () => {
          ctx.metrics.inc('done_total', 1, { kind: 'x' });
          throw new Error('after recording');
        },
        'throw-outside': () => {
          setTimeout(() => {
            throw new Error('from a timer');
          }, 1);
        },
        exit: () => process.exit(3),
        spin: async () => {
          peer.tell({ type: 'note', n: SPINS });
          // Once the note is read, the answer is the next message here, before any stop.
          await peer.ask({ type: 'double', n: 1 }, { timeoutMs: 20_000 });
          for (;;);
        },
        native: async ({ ms }) => {
          void ctx.native(() => delay(ms));
        },
        'child-process': () => {
          const { pid } = spawn('sleep', ['60'], { stdio: 'ignore' });
          if (pid === undefined) throw new Error('cannot spawn sleep');
          ctx.ownProcess(pid);
          return pid;
        },
        'tick-every': ({ ms }) => ctx.setInterval('tick', ms, { type: 'tick' }),
        tick: () => {
          ticks += 1;
        },
        ticks: () => ticks,
      },
      onSignal: ({ path, how }) => watched?.resolve(`${path} ${how}`),
    };
  },
});
