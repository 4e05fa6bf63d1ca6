/**
 * Gantry in a process of its own, whose event loop and memory a fuzz test watches. Arguments: its data folder, its
 * access token.
 */
import { Secret } from '../../src/keys/secret.ts';
import { startTestGantry } from './gantry.ts';
import { watchLoopDelay } from './loop-delay.ts';

/** What the process reports about itself. */
export interface FuzzedFigures {
  /** The longest that its own work delayed the event loop since the last report, in ms. */
  readonly heldUpMs: number;
  /** Objects and buffers outside the heap, in bytes, after a garbage collection. */
  readonly memory: number;
}

const [dataDir, token] = process.argv.slice(2);
if (dataDir === undefined || token === undefined || process.send === undefined)
  throw new Error('to be forked, with a data folder and a token');

const gantry = await startTestGantry(dataDir, {
  redisUrl: 'off',
  hookSecret: new Secret('a-secret-of-this-test'),
  // A request that makes a user would shut out all others without it.
  token,
});
let endWatch = watchLoopDelay();
process.on('message', () => {
  const heldUpMs = endWatch();
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  // Watched anew after the collection, which only this test asks for.
  endWatch = watchLoopDelay();
  process.send?.({ heldUpMs, memory: heapUsed + external } satisfies FuzzedFigures);
});
process.on('disconnect', () => void gantry.stop().finally(() => process.exit(0)));
process.send({ url: gantry.url });
