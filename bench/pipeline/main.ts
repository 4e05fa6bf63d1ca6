/**
 * `npm run bench:pipeline [-- --json] [-- --quick] [-- --profile DIR]`: what Gantry adds to the provider's time.
 *
 * Simulated cameras publish detections, with their pictures stored, to a whole Gantry; a viewer on its WebSocket says
 * when the aggregate of each was there. From the time between, the provider's own record of the frame's last call is
 * taken off, from the arrival of the request to the end of the answer: HTTP, queues, leases and stores are Gantry's.
 * All processes (Gantry, nats-server, redis-server, provider, load, viewer) share this machine.
 */
import { loadavg } from 'node:os';
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { type Bar, bar, machine, print, readOptions, type Result, resultOf } from '../harness.ts';
import { Ledger, STAGES, type Tally } from './journey.ts';
import type { ProviderOrder } from './orders.ts';
import { run, type RunEnd } from './run.ts';
import { startGantryProcess, startProvider } from './stack.ts';
import { jsonRoundTripUs } from './yardstick.ts';

const options = readOptions(process.argv.slice(2), true);

const CAMERAS = 50;
/** So many keys with so high limits that they hold nothing up. */
const PROVIDER: ProviderOrder = { keys: 20, qps: 100, latency: { medianMs: 40, p95Ms: 80 } };
/** The bars are those of the specification. */
const RATES = [
  { groupsPerSecond: 25, mostMs: 20, seconds: options.quick ? 14 : 40 },
  { groupsPerSecond: 250, mostMs: 50, seconds: options.quick ? 8 : 30 },
] as const;
const REDIS_MOST_MS = 10;
const WHOLE = ['p50', 'p95', 'p99'] as const;
/**
 * Before anything counts. V8 goes on compiling for the first half minute of the highest rate, which takes a tenth of
 * the CPU.
 */
const BEFORE = options.quick ? { groupsPerSecond: 100, seconds: 3 } : { groupsPerSecond: 250, seconds: 40 };
/** Not counted at the begin of a run: connections are opened. */
const WARM_UP_MS = options.quick ? 2_000 : 5_000;

const results: Result[] = [];
const bars: Bar[] = [];
const before = loadavg()[0] ?? 0;
const yardstick = Array.from({ length: 5 }, () => jsonRoundTripUs(2_000));
const provider = await startProvider(PROVIDER);
try {
  const gantry = await startGantryProcess({
    provider,
    ...(options.profile === null ? {} : { profile: options.profile }),
  });
  try {
    const target = { ...gantry, pids: new Map([...gantry.pids, ['provider', provider.pid]]) };
    console.log('warming up ...');
    await run(target, { cameras: CAMERAS, ...BEFORE, seed: 1 }, new Ledger());
    for (const rate of RATES) {
      console.log(`${rate.groupsPerSecond} groups/s for ${rate.seconds} s ...`);
      const ledger = new Ledger();
      const end = await run(
        target,
        { cameras: CAMERAS, groupsPerSecond: rate.groupsPerSecond, seconds: rate.seconds, seed: 1_000 },
        ledger,
      );
      const { calls } = await provider.record();
      judge(rate, ledger, ledger.tally(calls, end.beganAt + WARM_UP_MS), end);
    }
    bars.push(bar('windows of a key exceeded', (await provider.record()).violations, '', '<=', 0));
  } finally {
    await gantry.stop();
  }
} finally {
  provider.stop();
}
results.push(
  resultOf('load average before', 'machine', '', [before]),
  resultOf('yardstick before: a frame as JSON, written and read', 'machine', 'us', yardstick),
);
print({ name: 'bench:pipeline', machine: machine(), results, bars }, options);

function judge(
  { groupsPerSecond, mostMs, seconds }: (typeof RATES)[number],
  ledger: Ledger,
  tally: Tally,
  end: RunEnd,
): void {
  const name = `${groupsPerSecond} groups/s`;
  const { journeys } = tally;
  const note = (
    measure: string,
    samples: readonly number[],
    shares: readonly ('p50' | 'p95' | 'p99')[] = ['p50', 'p95'],
  ): void => {
    const found = percentiles(samples);
    for (const share of shares)
      results.push(resultOf(measure, `${name}, ${share.toUpperCase()}`, 'ms', [found?.[share] ?? Number.NaN]));
  };
  const p = (samples: readonly number[], share: 'p95' | 'p99'): number => percentiles(samples)?.[share] ?? Number.NaN;
  const added = journeys.map((one) => one.added);
  const redis = journeys.flatMap((one) => one.redis ?? []);
  const calm = journeys.filter(({ at, total }) => !end.disturbed.some(({ from, to }) => at < to && from < at + total));
  for (const stage of STAGES)
    note(
      stage,
      journeys.map((one) => one.stages[stage]),
    );
  note(
    'publish -> WebSocket, all',
    journeys.map((one) => one.total),
  );
  note('added: the same without the provider', added, WHOLE);
  note(
    'added, while nothing else used the machine',
    calm.map((one) => one.added),
    WHOLE,
  );
  note(
    'without the whole call',
    journeys.map((one) => one.addedWithoutTransit),
  );
  note('aggregate made -> Redis subscriber', redis, WHOLE);
  results.push(
    resultOf('alerts', name, '', [tally.alerts]),
    resultOf('frames measured', name, '', [journeys.length]),
    resultOf('of them while nothing else used the machine', name, '', [calm.length]),
    resultOf('load later than planned, at worst', name, 'ms', [end.latestMs]),
  );
  for (const [process_, cores] of end.cores) results.push(resultOf(`CPU of ${process_}`, name, 'cores', [cores]));
  results.push(resultOf('yardstick, each half second', name, 'us', end.yardstickUs));
  results.push(
    resultOf('CPU of Gantry for a group', name, 'ms', [
      ((end.cores.get('Gantry') ?? Number.NaN) * 1_000) / groupsPerSecond,
    ]),
  );
  bars.push(
    bar(`${name}: added latency, P95`, p(added, 'p95'), 'ms', '<=', mostMs),
    bar(`${name}: Redis push, P99`, p(redis, 'p99'), 'ms', '<=', REDIS_MOST_MS),
    bar(`${name}: frames lost`, tally.lost, '', '<=', 0),
    bar(`${name}: aggregates doubled`, tally.doubled, '', '<=', 0),
    bar(`${name}: groups unknown or missing`, tally.unknown + tally.missing, '', '<=', 0),
    bar(`${name}: load given / meant`, tally.groups / (groupsPerSecond * seconds), '', '>=', 0.9),
    bar(`${name}: publishes failed`, end.failed, '', '<=', 0),
  );
  for (const [how, count] of Object.entries(ledger.lost())) console.log(`  lost: ${count} frames with ${how}`);
}
