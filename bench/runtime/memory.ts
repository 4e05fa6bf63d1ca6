/** `node --expose-gc memory.ts SUBJECT COUNT`: prints the cost of COUNT idle actors in bytes, as JSON. */
import { setTimeout as delay } from 'node:timers/promises';
import { SUBJECTS, type SubjectModule } from './subject.ts';

export interface Footprint {
  /** Growth of the resident set, the memory that the operating system gives. */
  readonly rss: number;
  /** Growth of the used heap. */
  readonly heap: number;
}

const [subject, countText] = process.argv.slice(2);
const name = SUBJECTS.find((each) => each === subject);
const count = Number(countText);
const { gc } = globalThis;
if (name === undefined || !Number.isInteger(count) || gc === undefined)
  throw new Error('usage: node --expose-gc memory.ts SUBJECT COUNT');

const module: SubjectModule = await import(`./subjects/${name}.ts`);
if (module.idle === undefined) throw new Error(`${name} makes no idle actors`);

async function settled(): Promise<NodeJS.MemoryUsage> {
  // Collects as under memory pressure, so that freed pages go back to the system. Twice: the finalizers of the first
  // pass free more.
  for (let pass = 0; pass < 2; pass += 1) {
    await gc?.({ type: 'major', execution: 'async', flavor: 'last-resort' });
    await delay(200);
  }
  return process.memoryUsage();
}

// Loads code and fills caches first: they are no part of an actor.
await module.idle(0);
const before = await settled();
await module.idle(count);
const after = await settled();
const footprint: Footprint = { rss: after.rss - before.rss, heap: after.heapUsed - before.heapUsed };
process.stdout.write(`${JSON.stringify(footprint)}\n`);
process.exit(0);
