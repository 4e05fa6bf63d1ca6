/**
 * `npm run bench:shadow [-- --quick] [-- --json]`: whether a release in the shadow delays a verdict, and whether a
 * release gets its share. Scheduler, key pool and client as they ship, over HTTP to a simulated provider. The same
 * questions are asked with and without the shadow, in turn, while 60 % of the calls that the keys allow are taken; the
 * provider takes 400 to 500 ms for each, so that a wait for a key would show.
 */
import type { Release } from '../../src/messages/release.ts';
import { wayOf } from '../../src/releases/way-of.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.types.ts';
import { questionTask } from '../../tests/support/assessment-task.ts';
import { HandReleases, runningRelease } from '../../tests/support/judging-releases.ts';
import { Random } from '../../tests/support/random.ts';
import { startScheduler } from '../../tests/support/scheduler-with-provider.ts';
import { bar, type Entry, interleave, machine, print, ratio, readOptions, resultOf } from '../harness.ts';

const options = readOptions(process.argv.slice(2));
const NEXT = { model: 'sim-next', prompts: { text: 'Mind the tram.' } };
/** By the minute 16 calls a second, by the second 40. */
const KEYS = simulatedKeys(8, { qps: 5, rpm: 120 });
const QUESTIONS_PER_SECOND = 0.6 * 16;
const SECONDS = options.quick ? 10 : 45;
const ROUNDS = options.quick ? 1 : 3;
const BUDGET = { callsPerMinute: 90, picturesPerMinute: 0 };
/** Until the scheduler knows what its keys allow, and has saved up calls. */
const REST_MS = 6_000;
const GROUPS = 2_000;

type World = Awaited<ReturnType<typeof startScheduler>>;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function inWorld<T>(
  simulator: SimulatorOptions,
  release: Release | null,
  work: (world: World) => Promise<T>,
): Promise<T> {
  const ends: (() => unknown)[] = [];
  const after = (end?: unknown): void => {
    if (typeof end === 'function') ends.push(end as () => unknown);
  };
  const world = await startScheduler(
    { after },
    { otherModels: ['sim-next'], ...simulator },
    {},
    new HandReleases(release),
  );
  try {
    return await work(world);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Figures of all runs, with the shadow and without. */
const seen = { violations: 0, refused: 0, unanswered: 0 };
/** Questions judged both ways in each run with the shadow. */
const pairs: number[] = [];

/** Asks the same questions for one seed. Resolves to the P95 of a frame's age when its verdict was stored, in ms. */
async function verdictAge(release: Release | null, seed: number): Promise<number> {
  return inWorld({ keys: KEYS, latency: { leastMs: 400, mostMs: 500 }, seed }, release, async (world) => {
    const { sim, bus, outcomes } = world;
    await sleep(REST_MS);
    const askedAt = new Map<string, number>();
    const ages: number[] = [];
    const publish = bus.publish.bind(bus);
    bus.publish = (subject, body, trace, id) => {
      const from = askedAt.get(id);
      if (from !== undefined) ages.push(performance.now() - from);
      return publish(subject, body, trace, id);
    };
    const random = new Random(seed);
    let at = performance.now();
    const until = at + SECONDS * 1_000;
    for (let index = 0; at < until; index++) {
      at += -Math.log(1 - random.next()) * (1_000 / QUESTIONS_PER_SECOND);
      await sleep(Math.max(0, at - performance.now()));
      const task = questionTask({ cameraId: `cam-${index % 20}`, groupId: `g${index}`, prior: random.next() });
      askedAt.set(task.taskId, performance.now());
      bus.add(task);
    }
    await sleep(3_000);
    seen.violations += sim.violations().length;
    seen.refused += sim.calls().filter(({ status }) => status !== 200).length;
    seen.unanswered += bus.published.filter(({ body }) => body.source !== 'vlm').length;
    if (release !== null) pairs.push(outcomes.length);
    return ages.toSorted((a, b) => a - b)[Math.floor(ages.length * 0.95)] ?? Number.NaN;
  });
}

/** The share of groups that the candidate judged where it was to have `percent`, 0 to 100. */
async function shareOf(percent: number): Promise<number> {
  const release = runningRelease(NEXT, { percent });
  return inWorld({ keys: simulatedKeys(4, { qps: 2_000, rpm: 100_000 }) }, release, async ({ bus, sim }) => {
    const all = Array.from({ length: GROUPS }, (_, index) =>
      questionTask({ cameraId: `cam-${index % 20}`, groupId: `g${Math.floor(index / 20)}`, freshMs: 60_000 }),
    );
    for (let from = 0; from < GROUPS; from += 50) {
      bus.add(...all.slice(from, from + 50));
      while (bus.published.length < Math.min(GROUPS, from + 50)) await sleep(5);
    }
    const marked = bus.published.filter(({ body }) => body.results[0]?.release?.way === 'candidate');
    const wrong = all.filter((task) => {
      const way = wayOf(release, task.cameraId, task.group.groupId);
      return bus.result(task)?.results[0]?.release?.way !== way;
    });
    const called = sim.calls().filter(({ model }) => model === 'sim-next');
    if (wrong.length > 0 || called.length !== marked.length)
      throw new Error(`${wrong.length} groups were judged the other way`);
    return (100 * marked.length) / GROUPS;
  });
}

const shadowed = runningRelease(NEXT, { mode: 'shadow', budget: BUDGET });
const MEASURE = 'age of a verdict, P95';
const rounds = { off: 0, on: 0 };
const entries: Entry[] = [
  { measure: MEASURE, subject: 'alone', unit: 'ms', sample: () => verdictAge(null, 1 + rounds.off++) },
  { measure: MEASURE, subject: 'with a shadow', unit: 'ms', sample: () => verdictAge(shadowed, 1 + rounds.on++) },
];
const ages = await interleave(entries, ROUNDS);
const wanted = [10, 50];
const shares: number[] = [];
for (const percent of wanted) shares.push(await shareOf(percent));
const off = Math.max(...shares.map((share, index) => Math.abs(share - (wanted[index] ?? 0))));

print(
  {
    name: 'shadow',
    machine: machine(),
    results: [
      ...ages,
      resultOf('questions judged both ways', 'a run', '', pairs),
      ...wanted.map((percent, index) =>
        resultOf('groups judged by the candidate', `of ${percent} %`, '%', [shares[index] ?? Number.NaN]),
      ),
    ],
    bars: [
      bar('age with a shadow / alone', ratio(ages, MEASURE, 'with a shadow', 'alone'), '', '<=', 1.03),
      bar('questions judged both ways in a run, least', Math.min(...pairs), '', '>=', BUDGET.callsPerMinute / 3),
      bar('questions judged both ways in a run, most', Math.max(...pairs), '', '<=', BUDGET.callsPerMinute),
      bar('windows with more calls than allowed', seen.violations, '', '<=', 0),
      bar('calls refused by the provider', seen.refused, '', '<=', 0),
      bar('questions that the model did not answer', seen.unanswered, '', '<=', 0),
      bar(`share of ${GROUPS} groups, off by`, off, 'points', '<=', 2),
    ],
  },
  options,
);
