/**
 * `npm run bench:trace [-- --quick] [--json]`: what the export of traces costs. Three Gantrys, with traces
 * off, of a tenth of the frames and of all, are started and warmed up, with the SDK loaded and compiled. Then each gets
 * the load of `bench:pipeline` in short turns, so that a slow spell of the machine hits all alike. A collector in this
 * process takes the spans and throws them away. `--quick` shows that spans are exported, and has no bar for their cost.
 */
import { createServer } from 'node:http';
import { runProgram } from '../../src/provision/command.ts';
import { percentiles } from '../../src/cli/check/percentiles.ts';
import { bar, machine, print, ratio, readOptions, resultOf } from '../harness.ts';
import { cpuPerGroupMs, WarmGantry } from '../pipeline/warm.ts';

const RATE = 50;
const SUBJECTS = ['off', 'a tenth of the frames', 'all frames'] as const;
const MEASURES = ['CPU of Gantry for a group', 'added latency, P95'] as const;
/** CPU with a tenth of the frames exported, against none. */
const MOST_AT_A_TENTH = 1.05;

const options = readOptions(process.argv.slice(2));
const { quick } = options;
const turns = quick ? { rounds: 2, seconds: 5 } : { rounds: 9, seconds: 12 };
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
const gantrys: WarmGantry[] = [];

async function measureAll(): Promise<void> {
  for (let round = 0; round < turns.rounds; round += 1) {
    // There and back, so that none is always the first.
    const order = [...gantrys.entries()];
    for (const [subject, gantry] of round % 2 === 0 ? order : order.toReversed()) {
      console.log(`round ${round + 1} of ${turns.rounds}: ${SUBJECTS[subject]} ...`);
      const { tally, end } = await gantry.measure({ groupsPerSecond: RATE, seconds: turns.seconds });
      const added = percentiles(tally.journeys.map((one) => one.added));
      for (const [measure, figure] of [cpuPerGroupMs(end, RATE), added?.p95 ?? Number.NaN].entries())
        samples[subject]?.[measure]?.push(figure);
    }
  }
}

/** CPU of loading the SDK in processes that have nothing else to do, in ms. */
async function loads(): Promise<number[]> {
  const sdk = JSON.stringify(new URL('../../src/tracing/otlp-spans.ts', import.meta.url).href);
  const code = `const from = process.cpuUsage(); await import(${sdk});
    const { user, system } = process.cpuUsage(from); console.log((user + system) / 1000);`;
  const found: number[] = [];
  for (let each = 0; each < 5; each += 1) {
    const ran = await runProgram(process.execPath, ['--input-type=module', '-e', code], { timeoutMs: 30_000 });
    found.push(Number(ran.stdout));
  }
  return found;
}

/** All of them run while `measureAll` does. */
const withAll = ([env, ...others] = environments): Promise<void> =>
  env === undefined
    ? measureAll()
    : WarmGantry.with({ quick, env }, (gantry) => {
        gantrys.push(gantry);
        return withAll(others);
      });
await withAll();
collector.close();

const results = SUBJECTS.flatMap((name, subject) =>
  MEASURES.map((measure, index) => resultOf(measure, name, 'ms', samples[subject]?.[index] ?? [])),
);
const against = (measure: string, subject: string): number => ratio(results, measure, subject, SUBJECTS[0]);
const [off, tenth, all] = SUBJECTS;
const bars = [
  // A quick run is over before V8 has compiled what it needs.
  ...(quick ? [] : [bar('CPU per group, a tenth / off', against(MEASURES[0], tenth), '', '<=', MOST_AT_A_TENTH)]),
  bar('exports that reached the collector', exports, '', '>=', 1),
];
const shown = [
  ...results,
  resultOf('CPU per group, as a ratio', `${tenth} / ${off}`, '', [against(MEASURES[0], tenth)]),
  resultOf('CPU to load the SDK, once in each process', 'traces on', 'ms', await loads()),
  resultOf('CPU per group, as a ratio', `${all} / ${off}`, '', [against(MEASURES[0], all)]),
  resultOf('added latency P95, as a ratio', `${tenth} / ${off}`, '', [against(MEASURES[1], tenth)]),
  resultOf('added latency P95, as a ratio', `${all} / ${off}`, '', [against(MEASURES[1], all)]),
];
print({ name: 'bench:trace', machine: machine(), results: shown, bars }, options);
