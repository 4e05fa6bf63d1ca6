/** Gantry in a process of its own, whose event loop and memory a fuzz watches. Arguments: its data folder. */
import { Secret } from '../../src/keys/secret.ts';
import { startTestGantry } from './gantry.ts';

/** What the process tells of itself. */
export interface FuzzedFigures {
  /** The longest that the event loop was held up by work of its own since the last answer, in ms. */
  readonly heldUpMs: number;
  /** After a collection, in bytes: objects, and buffers outside of the heap. */
  readonly memory: number;
}

const LOOK_EVERY_MS = 10;
const [dataDir] = process.argv.slice(2);
if (dataDir === undefined || process.send === undefined) throw new Error('to be forked, with a data folder');

let heldUpMs = 0;
let [at, cpu] = [performance.now(), process.cpuUsage()];
setInterval(() => {
  const [now, used] = [performance.now(), process.cpuUsage(cpu)];
  // A turn that came late while this process had no processor was held up by others.
  heldUpMs = Math.max(heldUpMs, Math.min(now - at - LOOK_EVERY_MS, (used.user + used.system) / 1_000));
  [at, cpu] = [now, process.cpuUsage()];
}, LOOK_EVERY_MS);

const gantry = await startTestGantry(dataDir, { redisUrl: 'off', hookSecret: new Secret('a-secret-of-this-test') });
process.on('message', () => {
  const worst = heldUpMs;
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  // Not counted: the collection itself, which only this test asks for.
  [at, cpu, heldUpMs] = [performance.now(), process.cpuUsage(), 0];
  process.send?.({ heldUpMs: worst, memory: heapUsed + external } satisfies FuzzedFigures);
});
process.on('disconnect', () => void gantry.stop().finally(() => process.exit(0)));
[at, cpu, heldUpMs] = [performance.now(), process.cpuUsage(), 0];
process.send({ url: gantry.url });
