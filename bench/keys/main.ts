/**
 * `npm run bench:keys [-- --json] [-- --quick]`: how much of the keys' budgets is used, and whether any is exceeded.
 *
 * The provider is the strict simulator in a process of its own. Its own record counts, not what callers say. Each
 * caller has its own provider and process (four processes over Redis). Callers that are compared run at the same time
 * with the same client. `--quick` looks at a few seconds of each scenario, which exercises the windows of a second; the
 * whole run looks at more than two minutes, and so at the windows of a minute as well.
 *
 * A real provider does not slow down when its callers' machine is busy, so the simulators get a higher priority where
 * possible, but where every core is full on purpose. Exceeded windows count from the first call on; use counts once
 * connections are open, code is compiled and the way to the provider is known.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { preciseNow } from '../../src/simulator/reply.ts';
import { nextOf, startChild } from '../child.ts';
import { type Bar, bar, machine, print, readOptions, type Result, resultOf } from '../harness.ts';
import { type Arrival, shareOfSeconds, utilisation } from './figures.ts';
import { type CallerOrder, type CallerReport, type Scenario, SCENARIOS, STORM_CALLS } from './scenarios.ts';

const options = readOptions(process.argv.slice(2));
const secondsOf = ({ quickSeconds = 6, seconds = 130 }: Scenario, subject: string): number =>
  options.quick ? (subject === 'Gantry' ? quickSeconds : PEER_SECONDS) : seconds;
/** With `--quick`, of those compared. */
const PEER_SECONDS = 5.5;
const PEERS = ['bottleneck', 'p-throttle', 'rate-limiter-flexible'] as const;
/** Time for a revoked key's place to be given up, as the bar says. */
const SETTLE_MS = 2_000;

const WARM_UP_MS = 2_500;
/** Calls of one process by whose answers it knows the way to the provider, and the time they need. */
const WARM_UP_CALLS = 25;
const ANSWERED_MS = 1_000;

interface Run {
  readonly scenario: Scenario;
  readonly subject: string;
  readonly arrivals: readonly Arrival[];
  readonly violations: number;
  readonly assessed: number;
  readonly unknown: number;
  readonly endAt: number;
  readonly eventAt: number | null;
}

const start = (file: string, ...args: string[]): ChildProcess => startChild(import.meta.dirname, file, ...args);

let preferred = true;
function prefer({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, -10);
  } catch {
    preferred = false;
  }
}

async function run(
  scenario: Scenario,
  subject: string,
  redisUrl: string | null,
  together: () => Promise<void> = () => Promise.resolve(),
): Promise<Run> {
  const provider = start('simulator.ts', JSON.stringify(scenario));
  const seconds = secondsOf(scenario, subject);
  let others: readonly ChildProcess[] = [];
  try {
    if (scenario.coresFull !== true) prefer(provider);
    const { url, model } = await nextOf<{ url: string; model: string }>(provider);
    const order: Omit<CallerOrder, 'node'> = {
      subject,
      scenario,
      url,
      model,
      redisUrl: scenario.processes === undefined ? null : redisUrl,
      seconds,
    };
    const callers = Array.from({ length: scenario.processes ?? 1 }, (_, index) =>
      start('caller.ts', JSON.stringify({ ...order, node: `node-${index}` } satisfies CallerOrder)),
    );
    await Promise.all(callers.map((caller) => nextOf(caller)));
    await together();
    const ended = Promise.all(callers.map((caller) => nextOf<CallerReport>(caller)));
    callers.forEach((caller) => caller.send('go'));
    if (scenario.coresFull === true) others = keepCoresBusy();
    let eventAt: number | null = null;
    if (scenario.event !== undefined) {
      await Promise.race([delay(seconds * 250), ended]);
      provider.send(scenario.event);
      eventAt = preciseNow();
    }
    const endAt = (await Promise.race([delay(seconds * 1_000, 'later' as const), ended]), preciseNow());
    const reports = await ended;
    provider.send('report');
    const { calls, violations } = await nextOf<{ calls: Arrival[]; violations: number }>(provider);
    return {
      scenario,
      subject,
      arrivals: calls.filter((call) => call.at <= endAt),
      violations,
      assessed: sum(reports.map((one) => one.assessed)),
      unknown: sum(reports.map((one) => one.unknown)),
      endAt,
      eventAt,
    };
  } finally {
    for (const one of others) one.kill('SIGKILL');
    provider.send('end');
  }
}

/** Other programs of this machine, one for each core. They end with this process at the latest. */
function keepCoresBusy(): readonly ChildProcess[] {
  const others = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }),
  );
  process.once('exit', () => others.forEach((one) => one.kill('SIGKILL')));
  return others;
}

/** Runs to be made together: with `--quick` as many as do not crowd the machine, else one scenario after the other. */
function batches(): readonly (readonly (readonly [Scenario, string])[])[] {
  const compared = SCENARIOS.filter(
    ({ processes, event, coresFull }) => processes === undefined && event === undefined && coresFull === undefined,
  );
  const others = SCENARIOS.filter((scenario) => !compared.includes(scenario));
  if (!options.quick)
    return [
      ...compared.flatMap((scenario) => [
        [[scenario, 'Gantry']] as const,
        PEERS.map((peer) => [scenario, peer] as const),
      ]),
      ...others.map((scenario) => [[scenario, 'Gantry']] as const),
    ];
  const [first, second, ...rest] = compared;
  const revoked = others.filter((scenario) => scenario.event === 'revoke');
  const ours = (scenarios: readonly (Scenario | undefined)[]): readonly (readonly [Scenario, string])[] =>
    scenarios.flatMap((scenario) => (scenario === undefined ? [] : [[scenario, 'Gantry'] as const]));
  return [
    ours([second]),
    second === undefined ? [] : PEERS.map((peer) => [second, peer] as const),
    ours([first, ...rest, ...others.filter((scenario) => scenario.event === 'storm')]),
    ours(revoked),
    ours(others.filter((scenario) => scenario.processes !== undefined)),
    ours(others.filter((scenario) => scenario.coresFull === true)),
  ];
}

/** Resolves for all callers once `count` of them have come. */
function barrier(count: number): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let come = 0;
  return () => {
    if (++come === count) resolve();
    return promise;
  };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const tooMany = ({ arrivals }: Run): number => arrivals.filter((call) => call.status === 429).length;

const results: Result[] = [];
const bars: Bar[] = [];
const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-keys-'));
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const redis = await startRedisServer({ dataDir: folder, log: silent });
try {
  for (const [measure, url, most] of [
    ['lease in process, P99', '', 1],
    ['lease over Redis, P99', redis.url, 3],
  ] as const) {
    console.log(`measuring ${measure} ...`);
    const { p50, p99 } = await nextOf<{ p50: number; p99: number }>(
      start('leases.ts', url, options.quick ? '1.5' : '10'),
    );
    results.push(
      resultOf(measure.replace('P99', 'P50'), 'Gantry', 'ms', [p50]),
      resultOf(measure, 'Gantry', 'ms', [p99]),
    );
    bars.push(bar(`${measure} at 500/s`, p99, 'ms', '<=', most));
  }
  const runs: Run[] = [];
  for (const batch of batches()) {
    console.log(`running ${batch.map(([scenario, subject]) => `${scenario.name} (${subject})`).join(', ')} ...`);
    const together = barrier(batch.length);
    runs.push(...(await Promise.all(batch.map(([scenario, subject]) => run(scenario, subject, redis.url, together)))));
  }
  for (const one of runs) check(one, runs);
} finally {
  await redis.stop();
  await rm(folder, { recursive: true, force: true });
}
console.log(
  `\nshare of the budget used: from ${WARM_UP_MS / 1_000} s after the first call, and ${ANSWERED_MS / 1_000} s ` +
    `after call ${WARM_UP_CALLS} of each process, over whole bursts; windows exceeded: from the first call on`,
);
console.log(
  preferred
    ? 'the simulated providers ran at a higher priority than their callers'
    : 'the simulated providers ran at the same priority as their callers: on a busy machine they are late, too',
);
print({ name: 'bench:keys', machine: machine(), results, bars }, options);

/** Use counts from here on. */
function steadyFrom({ scenario, arrivals }: Run): number {
  const at = arrivals.map((call) => call.at).toSorted((a, b) => a - b);
  const known = at[WARM_UP_CALLS * (scenario.processes ?? 1)] ?? Infinity;
  return Math.max((at[0] ?? 0) + WARM_UP_MS, known + ANSWERED_MS);
}

/** Share of the budget used; null where an event disturbs it. */
function usedShare(one: Run): number | null {
  const { scenario, arrivals, endAt } = one;
  if (scenario.event !== undefined) return null;
  return scenario.coresFull === true
    ? shareOfSeconds(arrivals, scenario, steadyFrom(one), endAt)
    : utilisation(arrivals, scenario, endAt, scenario.jitterMs ?? 0, steadyFrom(one));
}

function check(one: Run, all: readonly Run[]): void {
  const { scenario, subject, violations, arrivals, endAt, eventAt, unknown } = one;
  const used = usedShare(one);
  const raw = scenario.jitterMs === undefined ? null : utilisation(arrivals, scenario, endAt, 0, steadyFrom(one));
  if (used !== null) results.push(resultOf(`${scenario.name}: share of the budget used`, subject, '', [used]));
  if (raw !== null) results.push(resultOf(`${scenario.name}: same, as if there were no jitter`, subject, '', [raw]));
  results.push(
    resultOf(`${scenario.name}: windows exceeded`, subject, '', [violations]),
    resultOf(`${scenario.name}: answered 429`, subject, '', [tooMany(one)]),
  );
  if (subject !== 'Gantry') return;
  bars.push(bar(`${scenario.name}: windows exceeded`, violations, '', '<=', 0));
  bars.push(
    bar(
      `${scenario.name}: 429 of our own making`,
      Math.max(0, tooMany(one) - (scenario.event === 'storm' ? STORM_CALLS : 0)),
      '',
      '<=',
      0,
    ),
  );
  if (used !== null && scenario.coresFull !== true) {
    bars.push(
      bar(`${scenario.name}: share of the budget used`, used, '', '>=', scenario.processes === undefined ? 0.97 : 0.95),
    );
    const clean = all.filter(
      (other) =>
        other.scenario === scenario && other.subject !== subject && other.violations === 0 && tooMany(other) === 0,
    );
    const best = Math.max(
      0,
      ...clean.map((other) =>
        utilisation(other.arrivals, scenario, other.endAt, scenario.jitterMs ?? 0, steadyFrom(other)),
      ),
    );
    if (best > 0)
      bars.push(bar(`${scenario.name}: beside the best peer without violations`, used / best, 'times', '>=', 1));
  }
  if (scenario.event === undefined) return;
  bars.push(bar(`${scenario.name}: tasks answered unknown`, unknown, '', '<=', 0));
  if (scenario.event !== 'revoke' || eventAt === null) return;
  const nine = { keys: scenario.keys.filter((key) => key.name !== 'k1') };
  const after = arrivals.filter((call) => call.key !== 'k1');
  bars.push(
    bar(
      `${scenario.name}: share of nine keys' budget used, 2 s later`,
      utilisation(after, nine, endAt, 0, eventAt + SETTLE_MS),
      '',
      '>=',
      0.98,
    ),
  );
}
