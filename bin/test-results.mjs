// The results of all tests: counts, skips and failures, and the summary of them.
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './bootstrap.mjs';

/** @typedef {import('./test-reporter.mjs').TestLine} TestLine */
/** @typedef {import('./test-reporter.mjs').CountsLine} CountsLine */
/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ readonly file: string | undefined, readonly text: string }} Failure `file` of a test, from the root */

const totals = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const skips = [];
/** @type {Failure[]} */
let failures = [];
/** Failures of files that passed when they ran again, alone. */
/** @type {Failure[]} */
const unsteady = [];

/** @param {string} text */
export function addSkip(text) {
  skips.push(text);
}

/**
 * A failure that belongs to no test.
 * @param {string[]} texts
 */
export function addFailures(...texts) {
  failures.push(...texts.map((text) => ({ file: undefined, text })));
}

export const hasFailures = () => failures.length > 0;

/** The test files with failures, each once. A failure without a file is no reason to run one again. */
export const failedFiles = () => [...new Set(failures.flatMap(({ file }) => file ?? []))];

/**
 * Adds the results of one run of node:test, and returns its counts.
 * @param {string} name of the folder, for results without a file
 * @param {string} record a file that bin/test-reporter.mjs wrote
 * @returns {Counts}
 */
export function addResults(name, record) {
  const { counts, lines } = read(record);
  for (const line of lines) {
    const file = line.file === undefined ? undefined : relative(ROOT, line.file);
    const reason = line.reason === '' ? '' : `: ${line.reason.split('\n')[0]}`;
    const text = `${file ?? name}: ${line.name}${reason}`;
    if (line.type === 'skip') skips.push(text);
    else failures.push({ file, text });
  }
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  totals.skipped += counts.skipped;
  return counts;
}

/**
 * Takes the results of a file that ran again, alone. If all passed, its failures count as passed and are shown as
 * unsteady; else they stand.
 * @param {string} file
 * @param {string} record
 */
export function addSecondRun(file, record) {
  const { counts } = read(record);
  if (counts.failed > 0 || counts.passed === 0) return counts;
  const were = failures.filter((failure) => failure.file === file);
  failures = failures.filter((failure) => failure.file !== file);
  unsteady.push(...were);
  totals.failed -= were.length;
  totals.passed += were.length;
  return counts;
}

/**
 * @param {string} record
 * @returns {{ counts: Counts, lines: TestLine[] }}
 */
function read(record) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  /** @type {TestLine[]} */
  const lines = [];
  const texts = existsSync(record) ? readFileSync(record, 'utf8').split('\n') : [];
  for (const text of texts.filter((line) => line !== '')) {
    /** @type {TestLine | CountsLine} */
    const line = JSON.parse(text);
    if (line.type !== 'counts') lines.push(line);
    else {
      counts.passed += line.passed;
      counts.failed += line.failed + line.cancelled;
      counts.skipped += line.skipped;
    }
  }
  return { counts, lines };
}

/** @param {{ readonly interrupted: boolean, readonly whole: boolean }} run `whole`: all tests were asked for */
export function printResults({ interrupted, whole }) {
  if (interrupted) console.log('interrupted: not everything ran');
  if (skips.length > 0) console.log(`skipped:\n${listed(skips)}`);
  else if (whole && !interrupted) console.log('nothing was skipped');
  if (unsteady.length > 0)
    console.log(`unsteady (failed beside other tests, passed alone):\n${listed(unsteady.map(({ text }) => text))}`);
  if (failures.length > 0) console.log(`failed:\n${listed(failures.map(({ text }) => text))}`);
  const failedSteps = failures.filter(({ text }) => text.includes('ended with status')).length;
  const unsteadily = unsteady.length === 0 ? '' : ` (${unsteady.length} of them only when run alone)`;
  console.log(`${totals.passed} passed${unsteadily}, ${totals.failed + failedSteps} failed, ${totals.skipped} skipped`);
}

/** @param {readonly string[]} texts */
const listed = (texts) => texts.map((text) => `  - ${text}`).join('\n');
