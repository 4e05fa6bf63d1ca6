#!/usr/bin/env node
// npm test: installs missing packages, then runs type checks, format check, lint and all tests.
// Its summary says what was skipped and why.
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve, sep } from 'node:path';
import { ensureInstalled, node24, ROOT, run, toolEnvironment } from './bootstrap.mjs';
import { ensurePage } from './build-page.mjs';
import { coverageArguments, reportCoverage, TIMED_TESTS } from './coverage.mjs';
import { testFiles, testFolders, testGroups } from './test-files.mjs';
import {
  addFailures,
  addResults,
  addSecondRun,
  addSkip,
  failedFiles,
  hasFailures,
  printResults,
} from './test-results.mjs';

/** @typedef {import('./bootstrap.mjs').RunOptions} RunOptions */
/** @typedef {import('./test-files.mjs').Group} Group */

const USAGE = `usage: npm test [-- --only WHAT ...]

WHAT is "types", "format", "lint", a folder of tests/ (${testFolders().join(', ')}), or the path of a test file.`;

/** A single test longer than this has hung. */
const TEST_TIMEOUT_MS = 120_000;
/** A step longer than this has hung. */
const STEP_TIMEOUT_MS = 600_000;

/**
 * Test files run at a time, by folder; default 1. Those with more than 1 need no more than one core each, and most of
 * them mostly wait for processes and streams.
 * @type {Readonly<Record<string, number>>}
 */
const SIDE_BY_SIDE = { sim: 2, models: 2, embedded: 3, threads: 2, integration: 3, pages: 2, e2e: 2 };

/**
 * Runs all files in one process. Starting one for each file costs more than the tests themselves. So a unit test has
 * hooks in a `describe` only, and leaves nothing behind.
 */
const ONE_PROCESS = 'unit';

/** Folders whose tests wait for nothing outside their process: a failure there is no matter of load. */
const STEADY = new Set(['unit', 'sim']);
/** With more failed files than this none runs again: that is no accident. */
const MOST_AGAIN = 3;

/** @typedef {'live' | 'at the end'} Output whether a step prints while it runs, or all at once when it has ended */

/** Folders whose tests open the page or ask a server for it. */
const WITH_PAGE = new Set(['integration', 'pages', 'e2e', 'chaos']);

const began = Date.now();
const seconds = (/** @type {number} */ since) => ((Date.now() - since) / 1000).toFixed(1);
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => (interrupted = true));

const only = readArguments(process.argv.slice(2));
await ensureInstalled();
const scratch = mkdtempSync(join(tmpdir(), 'gantry-test-'));
try {
  await runAll();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
title(`summary after ${seconds(began)} s`);
printResults({ interrupted, whole: only.length === 0 });
process.exit(hasFailures() || interrupted ? 1 : 0);

/** @param {string} name */
function wants(name) {
  return only.length === 0 || only.includes(name);
}

/** Runs the checks and all tests in two lanes at the same time: each takes the next group once it has ended one. */
async function runAll() {
  const groups = testGroups(only);
  // Mostly downloads, so beside the checks; before the tests, as it also computes (the 8-bit model).
  if (groups.some(({ name }) => WITH_PAGE.has(name))) await ensurePage();
  const prepared = groups.some(({ name }) => name !== 'unit') ? prepare() : Promise.resolve();
  const output = groups.length === 0 ? 'live' : 'at the end';
  const second = async () => {
    await runChecks(output);
    await runLane(groups, prepared, output);
  };
  await Promise.all([runLane(groups, prepared, 'live'), second()]);
  await runAgain();
}

/**
 * After a run of everything, runs a few failed files once more, each alone. The first time their servers and streams
 * shared two cores with those of other files. So this tells a fault of Gantry from a test that a busy machine upsets.
 */
async function runAgain() {
  const files = failedFiles();
  if (interrupted || only.length > 0 || files.length > MOST_AGAIN) return;
  for (const file of files.filter((path) => !STEADY.has(path.split(sep)[1] ?? ''))) {
    const record = join(scratch, 'again.jsonl');
    await nodeTest(`${file}, again and alone`, [], [file], 'live', record);
    addSecondRun(file, record);
  }
}

/**
 * Takes groups from the front of the list until it is empty.
 * @param {Group[]} groups
 * @param {Promise<void>} prepared
 * @param {Output} output
 */
async function runLane(groups, prepared, output) {
  for (let group = groups.shift(); group !== undefined; group = groups.shift()) {
    const { name, files } = group;
    if (name !== 'unit') await prepared;
    if (name === 'pages') await ensureChromium();
    const whole = name === 'unit' && files.length === testFiles(name).length;
    if (!whole) await runTests(name, files, output);
    else {
      const untimed = files.filter((file) => !TIMED_TESTS.includes(file));
      await runTests(name, untimed, output, join(scratch, 'coverage.json'));
      await runTests('unit cost', TIMED_TESTS, output);
    }
  }
}

/** @param {Output} output */
async function runChecks(output) {
  if (wants('types')) {
    await check('type check', 'tsc', [], output);
    await check('type check of bin', 'tsc', ['-p', 'bin'], output);
    await check('type check of the page', 'tsc', ['-p', 'web'], output);
  }
  if (wants('format')) await check('format', 'oxfmt', ['--check', '.'], output);
  if (wants('lint')) await check('lint', 'oxlint', ['--type-aware', '--deny-warnings'], output);
}

/** @param {readonly string[]} args */
function readArguments(args) {
  const wanted = args.filter((arg) => arg !== '--only').map((arg) => arg.replace(/^--only=/, ''));
  for (const what of wanted) {
    const known =
      ['types', 'format', 'lint'].includes(what) ||
      testFolders().includes(what) ||
      (what.endsWith('.test.ts') && existsSync(resolve(what)));
    if (!known) {
      console.error(`npm test: "${what}" is neither a step nor a test file\n\n${USAGE}`);
      process.exit(2);
    }
  }
  return wanted;
}

/** @param {string} text */
function title(text) {
  console.log(`\n=== ${text}`);
}

/**
 * Runs a tool in the project's root and kills its process group when it takes too long.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Pick<RunOptions, 'stdio' | 'onChild'> & { env?: Record<string, string>, timeoutMs?: number }} [options]
 *   `timeoutMs` default: STEP_TIMEOUT_MS
 * @returns {Promise<number>} exit status
 */
async function tool(program, args, options = {}) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const status = await run(
    program,
    args,
    { ...toolEnvironment(), ...options.env },
    {
      cwd: ROOT,
      wholeGroup: true,
      ...(options.stdio === undefined ? {} : { stdio: options.stdio }),
      onChild: (child) => {
        timer = setTimeout(() => {
          console.error(`npm test: ${program} took longer than ${STEP_TIMEOUT_MS / 1000} s and was killed`);
          if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
        }, options.timeoutMs ?? STEP_TIMEOUT_MS);
        options.onChild?.(child);
      },
    },
  );
  clearTimeout(timer);
  return status;
}

/**
 * {@link tool}, under a title.
 * @param {string} name
 * @param {Output} output
 * @param {Parameters<typeof tool>} call
 */
async function titled(name, output, ...[program, args, options]) {
  if (output === 'live') {
    title(name);
    return await tool(program, args, options);
  }
  const file = join(scratch, `${name}.txt`);
  const log = openSync(file, 'w');
  const status = await tool(program, args, { ...options, stdio: ['ignore', log, log] });
  closeSync(log);
  title(name);
  process.stdout.write(readFileSync(file, 'utf8'));
  return status;
}

/**
 * @param {string} name
 * @param {string} program one of node_modules/.bin
 * @param {readonly string[]} args
 * @param {Output} output
 */
async function check(name, program, args, output) {
  if (interrupted) return;
  const since = Date.now();
  const status = await titled(name, output, join(ROOT, 'node_modules', '.bin', program), args);
  console.log(`=== ${name}: ${status === 0 ? 'ok' : `failed (status ${status})`} in ${seconds(since)} s`);
  if (status !== 0) addFailures(`${name}: ${program} ended with status ${status}`);
}

/** Downloads the model, Redis and footage. Whatever is not available only makes the tests that need it skip. */
async function prepare() {
  if (interrupted) return;
  title('prepare: model, Redis, footage');
  const since = Date.now();
  let rest = '';
  const status = await tool(node24(), [join(ROOT, 'src', 'cli', 'cli.ts'), 'prepare'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    onChild: (child) => {
      child.stdout?.setEncoding('utf8');
      child.stdout?.on('data', (/** @type {string} */ chunk) => {
        process.stdout.write(chunk);
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const absent = /^not available: (.*)/.exec(line)?.[1];
          if (absent !== undefined) addSkip(`could not prepare ${absent}`);
        }
      });
    },
  });
  console.log(`=== prepare: ${status === 0 ? 'ok' : 'incomplete'} in ${seconds(since)} s`);
  if (status > 1) addFailures(`prepare: ended with status ${status}`);
}

/** Path of Chromium: GANTRY_TEST_CHROMIUM, else the first on PATH; undefined when there is none. */
function findChromium() {
  const named = process.env.GANTRY_TEST_CHROMIUM;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) =>
    folders.map((folder) => join(folder, name)),
  );
  return [...(named === undefined ? [] : [named]), ...candidates].find((path) => existsSync(path));
}

/** Installs Chromium for the page tests where we are root on Debian. Without it those tests are skipped. */
async function ensureChromium() {
  if (interrupted || findChromium() !== undefined) return;
  title('chromium for the page tests');
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    addSkip('page tests: no chromium on PATH, and only root on Debian can install it (apt-get install chromium)');
    return;
  }
  const since = Date.now();
  console.log('no chromium on PATH: apt-get install chromium ...');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  /** @type {Parameters<typeof tool>[2]} */
  const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'], timeoutMs: 240_000 };
  const apt = ['-q', '-o', 'Acquire::Retries=3', '-o', 'Acquire::http::Timeout=20', '-o', 'DPkg::Lock::Timeout=60'];
  await tool('apt-get', [...apt, 'update'], quiet);
  const status = await tool('apt-get', [...apt, 'install', '-y', '--no-install-recommends', 'chromium'], quiet);
  if (status !== 0 || findChromium() === undefined)
    addSkip(`page tests: chromium could not be installed (apt-get ended with status ${status})`);
  console.log(`=== chromium: ${findChromium() !== undefined ? 'ok' : 'not available'} in ${seconds(since)} s`);
}

/**
 * @param {string} name
 * @param {readonly string[]} files
 * @param {Output} output
 * @param {string} coverageFile empty: none is measured
 */
async function runTests(name, files, output, coverageFile = '') {
  if (interrupted || files.length === 0) return;
  const since = Date.now();
  const record = join(scratch, `${name}.jsonl`);
  const processes =
    name === ONE_PROCESS ? ['--test-isolation=none'] : [`--test-concurrency=${SIDE_BY_SIDE[name] ?? 1}`];
  const coverage = coverageFile === '' ? [] : coverageArguments(coverageFile);
  const heading = `${name} tests (${files.length} file${files.length === 1 ? '' : 's'})`;
  const status = await nodeTest(heading, [...processes, ...coverage], files, output, record);
  const counts = addResults(name, record);
  console.log(
    `=== ${name} tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped ` +
      `in ${seconds(since)} s`,
  );
  if (status !== 0 && counts.failed === 0) addFailures(`${name} tests: node --test ended with status ${status}`);
  if (coverageFile !== '' && !interrupted) addFailures(...reportCoverage(coverageFile));
}

/**
 * @param {string} heading
 * @param {readonly string[]} args
 * @param {readonly string[]} files
 * @param {Output} output
 * @param {string} record the file for bin/test-reporter.mjs
 */
async function nodeTest(heading, args, files, output, record) {
  const chromium = findChromium();
  const reporters = [
    `--test-reporter=${join(ROOT, 'bin', 'spec-reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(ROOT, 'bin', 'test-reporter.mjs')}`,
    `--test-reporter-destination=${record}`,
  ];
  return await titled(
    heading,
    output,
    node24(),
    ['--test', `--test-timeout=${TEST_TIMEOUT_MS}`, ...args, ...reporters, ...files],
    chromium === undefined ? {} : { env: { GANTRY_TEST_CHROMIUM: chromium } },
  );
}
