/** Two checkouts under the same load, in turn, so that a slow spell of the machine hits both alike. */
import { resolve } from 'node:path';
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { type Bar, bar, type Result, ratio, resultOf } from '../harness.ts';
import type { PipelineOptions } from './options.ts';
import { cpuPerGroupMs, WarmGantry } from './warm.ts';

const SUBJECTS = ['this checkout', 'the other'] as const;
const MEASURES = ['CPU of Gantry for a group', 'added latency, P95', 'added latency, P50'] as const;
/** At most so much of the other's figure. */
const MOST = { cpu: 1.15, addedP95: 1.25 };

/** Results of each checkout, one sample a round, and bars on the median of the rounds' ratios. */
export async function measurePair(
  against: string,
  { quick, rounds, rate }: PipelineOptions,
): Promise<{ readonly results: Result[]; readonly bars: Bar[] }> {
  const samples = SUBJECTS.map(() => MEASURES.map((): number[] => []));
  let wrong = 0;
  for (let round = 0; round < rounds; round += 1) {
    // Each goes first in turn, so that neither gains by its place.
    for (const subject of round % 2 === 0 ? [1, 0] : [0, 1]) {
      console.log(`round ${round + 1} of ${rounds}: ${SUBJECTS[subject]} ...`);
      const root = subject === 0 ? {} : { root: resolve(against) };
      await WarmGantry.with({ quick, ...root }, async (gantry) => {
        const { tally, end } = await gantry.measure({ groupsPerSecond: rate, seconds: quick ? 14 : 40 });
        const added = percentiles(tally.journeys.map((one) => one.added));
        const figures = [cpuPerGroupMs(end, rate), added?.p95 ?? Number.NaN, added?.p50 ?? Number.NaN];
        for (const [measure, figure] of figures.entries()) samples[subject]?.[measure]?.push(figure);
        if (subject === 0) wrong += tally.lost + tally.doubled + end.failed + (await gantry.violations());
      });
    }
  }
  const results = SUBJECTS.flatMap((name, subject) =>
    MEASURES.map((measure, index) => resultOf(measure, name, 'ms', samples[subject]?.[index] ?? [])),
  );
  const ratioOf = (measure: string): number => ratio(results, measure, ...SUBJECTS);
  return {
    results,
    bars: [
      bar(`${rate} groups/s: CPU per group, this / other`, ratioOf(MEASURES[0]), '', '<=', MOST.cpu),
      bar(`${rate} groups/s: added P95, this / other`, ratioOf(MEASURES[1]), '', '<=', MOST.addedP95),
      bar('this: lost, doubled, failed, limits exceeded', wrong, '', '<=', 0),
    ],
  };
}
