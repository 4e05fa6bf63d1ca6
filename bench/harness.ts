/**
 * Shared by all benchmarks: subjects in processes of their own, measured in turn (A B C A B C ...) so that a slow
 * spell of the machine hits all alike; medians; a table for people and one line of JSON for programs.
 */
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import type { ActorLog } from '../src/runtime/actor.ts';

export interface BenchOptions {
  /** The last line printed is one JSON object. */
  readonly json: boolean;
  /** Fewer and shorter samples. */
  readonly quick: boolean;
}

/** One thing to measure for one subject. `sample` returns a figure in the unit of its measure. */
export interface Entry {
  readonly measure: string;
  readonly subject: string;
  readonly unit: string;
  sample(): Promise<number>;
}

export interface Result {
  readonly measure: string;
  readonly subject: string;
  readonly unit: string;
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** In order of rounds: the n-th samples of two entries of one measure were taken side by side. */
  readonly samples: readonly number[];
}

/** A demand on the figures: `value cmp bar`. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly bar: number;
  readonly cmp: '>=' | '<=';
  readonly ok: boolean;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly os: string;
  readonly node: string;
}

export interface Report {
  readonly name: string;
  readonly machine: Machine;
  readonly results: readonly Result[];
  readonly bars: readonly Bar[];
}

/** Ends the process after `--help`; throws at an option that does not exist. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log('options: --quick (under 50 s), --json (the last line is one JSON object)');
    process.exit(0);
  }
  return { json: values.json, quick: values.quick };
}

/** Middle value; mean of the two in the middle when there is an even number. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2;
}

/** Takes `rounds` samples of each entry, one entry after the other in each round. */
export async function interleave(entries: readonly Entry[], rounds: number): Promise<Result[]> {
  const samples = entries.map((): number[] => []);
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, entry] of entries.entries()) samples[index]?.push(await entry.sample());
  }
  return entries.map(({ measure, subject, unit }, index) => resultOf(measure, subject, unit, samples[index] ?? []));
}

export const resultOf = (measure: string, subject: string, unit: string, samples: readonly number[]): Result => ({
  measure,
  subject,
  unit,
  median: rounded(median(samples)),
  min: rounded(Math.min(...samples)),
  max: rounded(Math.max(...samples)),
  samples: samples.map(rounded),
});

/** Six significant digits, more than any sample's accuracy. */
const rounded = (value: number): number => Number(value.toPrecision(6));

/** Median over the rounds of one subject's sample divided by the other's: effects of the machine on both cancel out. */
export function ratio(results: readonly Result[], measure: string, over: string, under: string): number {
  const of = (subject: string): readonly number[] =>
    results.find((result) => result.measure === measure && result.subject === subject)?.samples ?? [];
  const below = of(under);
  return median(of(over).map((sample, round) => sample / (below[round] ?? Number.NaN)));
}

export function bar(name: string, value: number, unit: string, cmp: Bar['cmp'], limit: number): Bar {
  return { name, value: rounded(value), unit, bar: limit, cmp, ok: cmp === '>=' ? value >= limit : value <= limit };
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    os: `${process.platform} ${release()}`,
    node: process.version,
  };
}

/** Three significant digits, thousands told apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

/** Prints the tables, and as the last line the JSON when it was asked for. */
export function print(report: Report, { json }: BenchOptions): void {
  const { cpu, cores, memoryGb, os, node } = report.machine;
  console.log(`\n${report.name}: ${cpu}, ${cores} cores, ${memoryGb} GB, ${os}, Node ${node}\n`);
  table(
    ['measure', 'subject', 'median', 'min', 'max', 'unit'],
    report.results.map((r) => [r.measure, r.subject, figure(r.median), figure(r.min), figure(r.max), r.unit]),
  );
  console.log('');
  table(
    ['bar', 'value', 'wanted', ''],
    report.bars.map((b) => [
      b.name,
      `${figure(b.value)} ${b.unit}`,
      `${b.cmp} ${figure(b.bar)} ${b.unit}`,
      b.ok ? 'ok' : 'MISSED',
    ]),
  );
  if (json) console.log(JSON.stringify(report));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [head, ...rows])
    console.log(
      row
        .map((cell, column) => (isNumber(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    );
}

const isNumber = (text: string): boolean => /^[\d.,-]+$/.test(text);

/** The log of a benchmark's own clients: warnings and errors, as their output is figures. */
export const errorsOnly: ActorLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: (_, message) => console.error(message),
  error: (_, message) => console.error(message),
};
