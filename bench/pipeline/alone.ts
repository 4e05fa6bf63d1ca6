/** This checkout at two rates, stage by stage, with the bars of the specification. */
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { type Bar, bar, type Result, resultOf } from '../harness.ts';
import { STAGES } from './journey.ts';
import type { PipelineOptions } from './options.ts';
import { cpuPerGroupMs, type Measured, type Rate, WarmGantry } from './warm.ts';

interface BarredRate extends Rate {
  /** Added latency at P95, at most. */
  readonly mostMs: number;
  /** Time to revision 0 at P95, at most; null for no bar. */
  readonly firstMostMs: number | null;
}

const REDIS_MOST_MS = 10;
const WHOLE = ['p50', 'p95', 'p99'] as const;
type Share = (typeof WHOLE)[number];

interface Figures {
  readonly results: Result[];
  readonly bars: Bar[];
}

export async function measureAlone({ quick, profile }: PipelineOptions): Promise<Figures> {
  const rates: readonly BarredRate[] = [
    { groupsPerSecond: 25, mostMs: 20, firstMostMs: 150, seconds: quick ? 14 : 40 },
    { groupsPerSecond: 250, mostMs: 50, firstMostMs: null, seconds: quick ? 8 : 30 },
  ];
  const figures: Figures = { results: [], bars: [] };
  await WarmGantry.with({ quick, ...(profile === null ? {} : { profile }) }, async (gantry) => {
    for (const rate of rates) {
      const { results, bars } = figuresOf(rate, await gantry.measure(rate));
      figures.results.push(...results);
      figures.bars.push(...bars);
    }
    figures.bars.push(bar('windows of a key exceeded', await gantry.violations(), '', '<=', 0));
  });
  return figures;
}

function figuresOf(rate: BarredRate, measured: Measured): Figures {
  for (const [how, count] of Object.entries(measured.ledger.lost())) console.log(`  lost: ${count} frames with ${how}`);
  return { results: resultsOf(rate, measured), bars: barsOf(rate, measured) };
}

function resultsOf({ groupsPerSecond }: BarredRate, { tally, end }: Measured): Result[] {
  const name = `${groupsPerSecond} groups/s`;
  const { journeys } = tally;
  const calm = journeys.filter(({ at, total }) => !end.disturbed.some(({ from, to }) => at < to && from < at + total));
  const shares = (measure: string, samples: readonly number[], wanted: readonly Share[] = ['p50', 'p95']): Result[] => {
    const found = percentiles(samples);
    return wanted.map((share) =>
      resultOf(measure, `${name}, ${share.toUpperCase()}`, 'ms', [found?.[share] ?? Number.NaN]),
    );
  };
  const added = journeys.map((one) => one.added);
  const addedCalm = calm.map((one) => one.added);
  const redis = journeys.flatMap((one) => one.redis ?? []);
  return [
    ...STAGES.flatMap((stage) =>
      shares(
        stage,
        journeys.map((one) => one.stages[stage]),
      ),
    ),
    ...shares(
      'publish -> revision 0 at the WebSocket',
      journeys.map((one) => one.first),
      WHOLE,
    ),
    ...shares(
      'publish -> all answers at the WebSocket',
      journeys.map((one) => one.total),
    ),
    ...shares('added: the same without the provider', added, WHOLE),
    ...shares('added, while nothing else used the machine', addedCalm, WHOLE),
    ...shares(
      'without the whole call',
      journeys.map((one) => one.addedWithoutTransit),
    ),
    ...shares('aggregate made -> Redis subscriber', redis, WHOLE),
    resultOf('alerts', name, '', [tally.alerts]),
    resultOf('frames measured', name, '', [journeys.length]),
    resultOf('of them while nothing else used the machine', name, '', [calm.length]),
    resultOf('load later than planned, at worst', name, 'ms', [end.latestMs]),
    ...[...end.cores].map(([process_, cores]) => resultOf(`CPU of ${process_}`, name, 'cores', [cores])),
    resultOf('yardstick, each half second', name, 'us', end.yardstickUs),
    resultOf('CPU of Gantry for a group', name, 'ms', [cpuPerGroupMs(end, groupsPerSecond)]),
  ];
}

function barsOf({ groupsPerSecond, seconds, mostMs, firstMostMs }: BarredRate, { tally, end }: Measured): Bar[] {
  const name = `${groupsPerSecond} groups/s`;
  const added = percentiles(tally.journeys.map((one) => one.added));
  const first = percentiles(tally.journeys.map((one) => one.first));
  const redis = percentiles(tally.journeys.flatMap((one) => one.redis ?? []));
  return [
    ...(firstMostMs === null
      ? []
      : [bar(`${name}: revision 0 at the viewer, P95`, first?.p95 ?? Number.NaN, 'ms', '<=', firstMostMs)]),
    bar(`${name}: added latency, P95`, added?.p95 ?? Number.NaN, 'ms', '<=', mostMs),
    bar(`${name}: Redis push, P99`, redis?.p99 ?? Number.NaN, 'ms', '<=', REDIS_MOST_MS),
    bar(`${name}: frames lost`, tally.lost, '', '<=', 0),
    bar(`${name}: aggregates doubled`, tally.doubled, '', '<=', 0),
    bar(`${name}: groups not assessed by the model`, tally.unjudged, '', '<=', 0),
    bar(`${name}: load given / meant`, tally.groups / (groupsPerSecond * seconds), '', '>=', 0.9),
    bar(`${name}: publishes failed`, end.failed, '', '<=', 0),
  ];
}
