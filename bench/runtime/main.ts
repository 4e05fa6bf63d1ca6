/**
 * `npm run bench:runtime [-- --json] [-- --quick]`: the runtime beside nact, comedy, xstate and bare `postMessage`.
 *
 * Every library runs in a process of its own, in production mode, with the same messages and counts of its own that
 * take about the same time; what is sent must be handled before the clock stops, and is counted at the receiver. Memory
 * is measured in fresh processes, after the garbage of making the actors is gone.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  type Bar,
  bar,
  type Entry,
  interleave,
  machine,
  print,
  ratio,
  readOptions,
  type Report,
  type Result,
  resultOf,
} from '../harness.ts';
import type { Footprint } from './memory.ts';
import { ENVIRONMENT, RemoteSubject } from './remote-subject.ts';
import { type MeasureName, SUBJECTS, type SubjectName } from './subject.ts';

const options = readOptions(process.argv.slice(2));
const { rounds, sampleMs, memoryRuns } = options.quick
  ? { rounds: 5, sampleMs: 120, memoryRuns: 1 }
  : { rounds: 11, sampleMs: 400, memoryRuns: 3 };
const IDLE_ACTORS = 100_000;

const PLAN: readonly (readonly [MeasureName, readonly SubjectName[]])[] = [
  ['tell in thread', ['ours', 'nact', 'comedy', 'xstate']],
  ['ask in thread', ['ours', 'nact', 'comedy']],
  ['tell across threads', ['ours', 'comedy', 'raw']],
  ['ask across threads', ['ours', 'comedy', 'raw']],
  ['spawn', ['ours', 'nact', 'xstate']],
];
/** Measured in the same rounds as `tell across threads`. */
const BATCHES: MeasureName = 'tell across threads, batches of 100';

const subjects = new Map<SubjectName, RemoteSubject>();
const results: Result[] = [];
try {
  for (const name of SUBJECTS) subjects.set(name, await RemoteSubject.start(name));
  for (const [measure, names] of PLAN) {
    console.log(`measuring ${measure}: ${names.join(', ')} ...`);
    const entries: Entry[] = [];
    for (const name of names) entries.push(await entry(name, measure));
    if (measure === 'tell across threads') entries.push(await entry('raw', BATCHES));
    results.push(...(await interleave(entries, rounds)));
  }
} finally {
  for (const subject of subjects.values()) await subject.close();
}
for (const name of ['ours', 'nact'] as const) {
  console.log(`measuring memory of ${IDLE_ACTORS.toLocaleString('en-US')} idle actors: ${name} ...`);
  results.push(...(await memory(name)));
}

const report: Report = { name: 'runtime', machine: machine(), results, bars: bars() };
print(report, options);

async function entry(name: SubjectName, measure: MeasureName): Promise<Entry> {
  const subject = subjects.get(name);
  if (subject === undefined) throw new Error(`${name} was not started`);
  const count = await subject.countFor(measure, sampleMs);
  const isAsk = measure.startsWith('ask');
  return {
    measure: measure === BATCHES ? 'tell across threads' : measure,
    subject: measure === BATCHES ? 'raw, batches of 100' : name,
    unit: isAsk ? 'us' : '1/s',
    sample: async () => {
      const ms = await subject.measure(measure, count);
      return isAsk ? (ms * 1_000) / count : (count * 1_000) / ms;
    },
  };
}

async function memory(name: SubjectName): Promise<Result[]> {
  const runs: Footprint[] = [];
  for (let run = 0; run < memoryRuns; run += 1) {
    const script = fileURLToPath(new URL('memory.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', script, name, String(IDLE_ACTORS)], {
      env: ENVIRONMENT,
    });
    runs.push(JSON.parse(stdout));
  }
  const mb = (pick: (footprint: Footprint) => number): number[] => runs.map((each) => pick(each) / 1e6);
  return [
    resultOf(
      'memory of 100,000 idle actors',
      name,
      'MB',
      mb((each) => each.rss),
    ),
    resultOf(
      'of it on the heap',
      name,
      'MB',
      mb((each) => each.heap),
    ),
  ];
}

function bars(): Bar[] {
  const idle =
    results.find((result) => result.measure.startsWith('memory') && result.subject === 'ours')?.median ?? Number.NaN;
  return [
    bar('tell in thread / nact', ratio(results, 'tell in thread', 'ours', 'nact'), 'x', '>=', 20),
    bar('ask in thread, comedy in memory / ours', ratio(results, 'ask in thread', 'comedy', 'ours'), 'x', '>=', 5),
    bar(
      'tell across threads / comedy threaded',
      ratio(results, 'tell across threads', 'ours', 'comedy'),
      'x',
      '>=',
      10,
    ),
    bar(
      'tell across threads / postMessage in batches',
      ratio(results, 'tell across threads', 'ours', 'raw, batches of 100'),
      'x',
      '>=',
      0.8,
    ),
    bar(
      'ask across threads / postMessage round trip',
      ratio(results, 'ask across threads', 'ours', 'raw'),
      'x',
      '<=',
      1.3,
    ),
    bar('100,000 idle actors', idle, 'MB', '<=', 200),
  ];
}
