// Coverage of the unit tests by room, with a floor for the rooms that decide without I/O.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './bootstrap.mjs';

/**
 * Least share of lines in percent, a little below the current one.
 * @type {Readonly<Record<string, number>>}
 */
const FLOORS = {
  aggregation: 97,
  counting: 94,
  events: 98,
  keys: 90,
  llm: 95,
  messages: 92,
  monitoring: 95,
  releases: 97,
  scene: 98,
  tasks: 97,
  tracing: 94,
  tracking: 97,
  video: 96,
  vision: 96,
  watch: 96,
};

/** Tests of the cost of a call. Coverage makes tight loops several times slower, so they run without it. */
export const TIMED_TESTS = ['llm-errors-cost', 'llm-read-answer-bounds', 'messages-read-body'].map((name) =>
  join('tests', 'unit', `${name}.test.ts`),
);

/**
 * Arguments of `node --test` that write the coverage of src/ to `file`.
 * @param {string} file
 */
export const coverageArguments = (file) => [
  '--experimental-test-coverage',
  '--test-coverage-include=src/**',
  `--test-reporter=${join(ROOT, 'bin', 'coverage-reporter.mjs')}`,
  `--test-reporter-destination=${file}`,
];

/**
 * Prints a line for each room.
 * @param {string} file written by a run with {@link coverageArguments}
 * @returns {string[]} the rooms below their floor, as sentences
 */
export function reportCoverage(file) {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (text === '') return ['coverage: none was written'];
  /** @type {{ path: string, totalLineCount: number, coveredLineCount: number }[]} */
  const files = JSON.parse(text);
  /** @type {Map<string, { total: number, covered: number }>} */
  const rooms = new Map();
  for (const { path, totalLineCount, coveredLineCount } of files) {
    const [folder, room = ''] = relative(ROOT, path).split('/');
    if (folder !== 'src' || room.endsWith('.ts')) continue;
    const { total, covered } = rooms.get(room) ?? { total: 0, covered: 0 };
    rooms.set(room, { total: total + totalLineCount, covered: covered + coveredLineCount });
  }
  /** @type {string[]} */
  const below = [];
  for (const name of new Set([...Object.keys(FLOORS), ...rooms.keys()].toSorted())) {
    const { total, covered } = rooms.get(name) ?? { total: 0, covered: 0 };
    const percent = total === 0 ? 0 : (100 * covered) / total;
    const floor = FLOORS[name];
    console.log(
      `  ${name.padEnd(12)} ${percent.toFixed(1).padStart(5)} % of lines` +
        (floor === undefined ? '' : `, at least ${floor}`),
    );
    if (floor !== undefined && !(percent >= floor))
      below.push(`coverage: src/${name} has ${percent.toFixed(1)} % of lines, below ${floor}`);
  }
  return below;
}
