/**
 * An actor system without cameras: a bank whose teller fails at a bad order, and a vault in a thread.
 *
 *   npm run example actor-system
 *
 * It shows a typed protocol, asks, supervision and placement, and ends by itself within two seconds. docs/runtime.md
 * explains each part.
 */
import assert from 'node:assert/strict';
import { type ActorLog, defineActor } from '../src/runtime/actor.ts';
import type { Asking } from '../src/runtime/message.ts';
import { address } from '../src/runtime/ref.ts';
import { child, dynamic, supervisor } from '../src/runtime/supervision.ts';
import { startSystem } from '../src/runtime/system.ts';

type VaultMessage = { type: 'deposit'; amount: number } | ({ type: 'balance' } & Asking<number>);
type TellerMessage = { type: 'serve'; customer: string; amount: number } & Asking<string>;
const VAULT = address<VaultMessage>('/vault');

/** Holds the money, in a thread of its own. */
export const vault = defineActor<VaultMessage>()<null>({
  kind: 'vault',
  mailbox: { capacity: 1_000, overflow: 'refuse' },
  module: { url: import.meta.url, name: 'vault' },
  start: () => {
    let balance = 0;
    return { handlers: { deposit: ({ amount }) => void (balance += amount), balance: () => balance } };
  },
});

/** Takes customers' money. It fails at a negative amount, and its supervisor restarts it. */
const teller = defineActor<TellerMessage>()<null>({
  kind: 'teller',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: (ctx) => ({
    handlers: {
      serve: ({ customer, amount }) => {
        if (amount < 0) throw new RangeError(`${customer} wants to deposit ${amount}`);
        ctx.ref(VAULT).tell({ type: 'deposit', amount });
        return `${customer} deposited ${amount} with incarnation ${ctx.incarnation} of ${ctx.path}`;
      },
    },
  }),
});

/** The worker thread imports this module too, for `vault`. Only the main program may open the bank. */
if (import.meta.main) await openBank();

async function openBank(): Promise<void> {
  const print = (_fields: object, message: string): void => void process.stdout.write(`log: ${message}\n`);
  const log: ActorLog = { debug: () => undefined, info: print, warn: print, error: print };
  const bank = supervisor('bank', [
    child('vault', vault, () => null, { placement: { kind: 'thread', maxHeapMb: 64 } }),
    dynamic('tellers'),
  ]);
  const system = await startSystem(bank, { log, onEscalation: (error) => log.error({}, error.message) });
  await system.startChild(
    '/tellers',
    child('ann', teller, () => null, { backoff: { minMs: 50 } }),
  );

  const ann = system.ref(address<TellerMessage>('/tellers/ann'));
  for (const [customer, amount] of [
    ['Ada', 10],
    ['Bob', -5],
    ['Cleo', 20],
  ] as const) {
    const answer = ann.ask({ type: 'serve', customer, amount }, { timeoutMs: 2_000 });
    process.stdout.write(`${await answer.catch((error: Error) => `refused: ${error.message}`)}\n`);
  }
  const balance = await system.ref(VAULT).ask({ type: 'balance' }, { timeoutMs: 2_000 });
  process.stdout.write(`in the vault: ${balance}\n`);
  assert.equal(balance, 30);
  await system.stop();
}
