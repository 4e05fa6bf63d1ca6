#!/usr/bin/env node
// npm test: installs missing packages, then runs type checks, format check, lint and all tests.
// Its summary says what was skipped and why.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import { ensureInstalled, node24, ROOT, run, toolEnvironment } from './bootstrap.mjs';
import { coverageArguments, reportCoverage, TIMED_TESTS } from './coverage.mjs';

/** @typedef {import('./bootstrap.mjs').RunOptions} RunOptions */
/** @typedef {import('./test-reporter.mjs').TestLine} TestLine */
/** @typedef {import('./test-reporter.mjs').CountsLine} CountsLine */

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
const SIDE_BY_SIDE = { unit: 2, sim: 2, embedded: 3, integration: 3, pages: 2, e2e: 3 };

const began = Date.now();
const seconds = (/** @type {number} */ since) => ((Date.now() - since) / 1000).toFixed(1);
const totals = { passed: 0, failed: 0, skipped: 0 };
/** @type {string[]} */
const skips = [];
/** @type {string[]} */
const failures = [];
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
report();
process.exit(failures.length > 0 || interrupted ? 1 : 0);

/** @param {string} name */
function wants(name) {
  return only.length === 0 || only.includes(name);
}

async function runAll() {
  const groups = testGroups();
  // Mostly downloads, so beside the checks; before the tests, as it also computes (the 8-bit model).
  const prepared = groups.some(({ name }) => name !== 'unit') ? prepare() : null;
  await runChecks();
  await prepared;
  if (groups.some(({ name }) => name === 'pages')) await ensureChromium();
  for (const { name, files } of groups) {
    const whole = name === 'unit' && files.length === testFiles(name).length;
    if (!whole) await runTests(name, files);
    else {
      await runTests(
        name,
        files.filter((file) => !TIMED_TESTS.includes(file)),
        join(scratch, 'coverage.json'),
      );
      await runTests('unit cost', TIMED_TESTS);
    }
  }
}

async function runChecks() {
  if (wants('types')) {
    await check('type check', 'tsc', []);
    await check('type check of bin', 'tsc', ['-p', 'bin']);
    await check('type check of the page', 'tsc', ['-p', 'web']);
  }
  if (wants('format')) await check('format', 'oxfmt', ['--check', '.']);
  if (wants('lint')) await check('lint', 'oxlint', ['--type-aware', '--deny-warnings']);
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

/** Folders of tests/ that hold tests: unit first, the end-to-end ones last. */
function testFolders() {
  const order = ['unit', 'models', 'embedded', 'threads', 'integration', 'pages', 'e2e', 'chaos'];
  const rank = (/** @type {string} */ name) =>
    order.includes(name) ? order.indexOf(name) : order.indexOf('pages') - 0.5;
  return readdirSync(join(ROOT, 'tests'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && testFiles(entry.name).length > 0)
    .map((entry) => entry.name)
    .toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

/** @param {string} folder */
function testFiles(folder) {
  return readdirSync(join(ROOT, 'tests', folder), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.test.ts'))
    .toSorted()
    .map((name) => join('tests', folder, name));
}

function testGroups() {
  const files = only.filter((what) => what.endsWith('.test.ts')).map((what) => relative(ROOT, resolve(what)));
  const folders = testFolders().filter((name) => only.length === 0 || only.includes(name));
  const groups = folders.map((name) => ({ name, files: testFiles(name) }));
  const byFolder = groupBy(files);
  for (const [name, some] of byFolder) if (!folders.includes(name)) groups.push({ name, files: some });
  return groups;
}

/**
 * By the folder below tests/. Not Map.groupBy, which Node 20 lacks.
 * @param {readonly string[]} files
 */
function groupBy(files) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const file of files) {
    const folder = file.split('/')[1] ?? '';
    groups.set(folder, [...(groups.get(folder) ?? []), file]);
  }
  return groups;
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
 * @param {string} name
 * @param {string} program one of node_modules/.bin
 * @param {readonly string[]} args
 */
async function check(name, program, args) {
  if (interrupted) return;
  title(name);
  const since = Date.now();
  const status = await tool(join(ROOT, 'node_modules', '.bin', program), args);
  console.log(`=== ${name}: ${status === 0 ? 'ok' : `failed (status ${status})`} in ${seconds(since)} s`);
  if (status !== 0) failures.push(`${name}: ${program} ended with status ${status}`);
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
          if (absent !== undefined) skips.push(`could not prepare ${absent}`);
        }
      });
    },
  });
  console.log(`=== prepare: ${status === 0 ? 'ok' : 'incomplete'} in ${seconds(since)} s`);
  if (status > 1) failures.push(`prepare: ended with status ${status}`);
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
    skips.push('page tests: no chromium on PATH, and only root on Debian can install it (apt-get install chromium)');
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
    skips.push(`page tests: chromium could not be installed (apt-get ended with status ${status})`);
  console.log(`=== chromium: ${findChromium() !== undefined ? 'ok' : 'not available'} in ${seconds(since)} s`);
}

/** @param {string} name @param {readonly string[]} files @param {string} coverageFile empty: none is measured */
async function runTests(name, files, coverageFile = '') {
  if (interrupted || files.length === 0) return;
  title(`${name} tests (${files.length} file${files.length === 1 ? '' : 's'})`);
  const since = Date.now();
  const record = join(scratch, `${name}.jsonl`);
  const chromium = findChromium();
  const concurrency = [`--test-concurrency=${SIDE_BY_SIDE[name] ?? 1}`];
  const reporters = [
    `--test-reporter=${join(ROOT, 'bin', 'spec-reporter.mjs')}`,
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(ROOT, 'bin', 'test-reporter.mjs')}`,
    `--test-reporter-destination=${record}`,
    ...(coverageFile === '' ? [] : coverageArguments(coverageFile)),
  ];
  const status = await tool(
    node24(),
    ['--test', `--test-timeout=${TEST_TIMEOUT_MS}`, ...concurrency, ...reporters, ...files],
    chromium === undefined ? {} : { env: { GANTRY_TEST_CHROMIUM: chromium } },
  );
  const counts = readRecord(name, record);
  console.log(
    `=== ${name} tests: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped ` +
      `in ${seconds(since)} s`,
  );
  if (status !== 0 && counts.failed === 0) failures.push(`${name} tests: node --test ended with status ${status}`);
  if (coverageFile !== '' && !interrupted) failures.push(...reportCoverage(coverageFile));
}

/**
 * Adds the results of one folder to the totals, and returns its counts.
 * @param {string} name
 * @param {string} file written by bin/test-reporter.mjs
 */
function readRecord(name, file) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  const lines = existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];
  for (const text of lines) {
    /** @type {TestLine | CountsLine} */
    const line = JSON.parse(text);
    if (line.type === 'counts') {
      counts.passed += line.passed;
      counts.failed += line.failed + line.cancelled;
      counts.skipped += line.skipped;
    } else {
      const where = line.file === undefined ? name : relative(ROOT, line.file);
      (line.type === 'skip' ? skips : failures).push(
        `${where}: ${line.name}${line.reason === '' ? '' : `: ${line.reason.split('\n')[0]}`}`,
      );
    }
  }
  totals.passed += counts.passed;
  totals.failed += counts.failed;
  totals.skipped += counts.skipped;
  return counts;
}

function report() {
  title(`summary after ${seconds(began)} s`);
  if (interrupted) console.log('interrupted: not everything ran');
  if (skips.length > 0) console.log(`skipped:\n${skips.map((skip) => `  - ${skip}`).join('\n')}`);
  else if (only.length === 0 && !interrupted) console.log('nothing was skipped');
  if (failures.length > 0) console.log(`failed:\n${failures.map((failure) => `  - ${failure}`).join('\n')}`);
  const failedSteps = failures.filter((failure) => failure.includes('ended with status')).length;
  console.log(`${totals.passed} passed, ${totals.failed + failedSteps} failed, ${totals.skipped} skipped`);
}
