/**
 * `npm run bench:trace [-- --quick] [--json]`: what the export of traces costs. The load of `bench:pipeline` on this
 * Gantry, with traces off, of all frames and of a tenth of them, in turn, so that a slow spell of the machine hits all
 * alike. A collector in this process takes the spans and throws them away.
 */
import { createServer } from 'node:http';
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { bar, machine, print, ratio, readOptions, resultOf } from '../harness.ts';
import { cpuPerGroupMs, WarmGantry } from '../pipeline/warm.ts';

const RATE = 25;
const SUBJECTS = ['off', 'a tenth of the frames', 'all frames'] as const;
const MEASURES = ['CPU of Gantry for a group', 'added latency, P95'] as const;
/** CPU with a tenth of the frames exported, against none. */
const MOST_AT_A_TENTH = 1.05;

const options = readOptions(process.argv.slice(2));
let exports = 0;
const collector = createServer((request, response) => {
  exports += 1;
  request.resume();
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const address = collector.address();
const url = typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
const exporting = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_SAMPLER: 'traceidratio' };
const environments: readonly Readonly<Record<string, string>>[] = [
  {},
  { ...exporting, OTEL_TRACES_SAMPLER_ARG: '0.1' },
  { ...exporting, OTEL_TRACES_SAMPLER_ARG: '1' },
];

const samples = SUBJECTS.map(() => MEASURES.map((): number[] => []));
const rounds = options.quick ? 1 : 3;
for (let round = 0; round < rounds; round += 1)
  for (const [subject, env] of environments.entries()) {
    console.log(`round ${round + 1} of ${rounds}: ${SUBJECTS[subject]} ...`);
    await WarmGantry.with({ quick: options.quick, env }, async (gantry) => {
      const { tally, end } = await gantry.measure({ groupsPerSecond: RATE, seconds: options.quick ? 10 : 40 });
      const added = percentiles(tally.journeys.map((one) => one.added));
      for (const [measure, figure] of [cpuPerGroupMs(end, RATE), added?.p95 ?? Number.NaN].entries())
        samples[subject]?.[measure]?.push(figure);
    });
  }
collector.close();

const results = SUBJECTS.flatMap((name, subject) =>
  MEASURES.map((measure, index) => resultOf(measure, name, 'ms', samples[subject]?.[index] ?? [])),
);
const against = (measure: string, subject: string): number => ratio(results, measure, subject, SUBJECTS[0]);
const [off, tenth, all] = SUBJECTS;
const bars = [
  bar('CPU per group, a tenth / off', against(MEASURES[0], tenth), '', '<=', MOST_AT_A_TENTH),
  bar('exports that reached the collector', exports, '', '>=', 1),
];
const shown = [
  ...results,
  resultOf('CPU per group, as a ratio', `${all} / ${off}`, '', [against(MEASURES[0], all)]),
  resultOf('added latency P95, as a ratio', `${tenth} / ${off}`, '', [against(MEASURES[1], tenth)]),
  resultOf('added latency P95, as a ratio', `${all} / ${off}`, '', [against(MEASURES[1], all)]),
];
print({ name: 'bench:trace', machine: machine(), results: shown, bars }, options);
