import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Binary } from './binaries.ts';
import { findRedisServer, probeRedis } from './binaries.ts';
import { unpackDebianPackages } from './debian.ts';
import type { OnProgress } from './provision-error.ts';
import { ProvisionError } from './provision-error.ts';

/** The program is in redis-tools; the others are its libraries, except for libc, OpenSSL and systemd. */
const PACKAGES = [
  'redis-server',
  'redis-tools',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-bitop',
  'lua-cjson',
  'libatomic1',
] as const;
/** Missing in the smallest images of Debian only; added when the first set does not start. */
const MORE_PACKAGES = [
  'libssl3',
  'libsystemd0',
  'libcap2',
  'libgcrypt20',
  'libgpg-error0',
  'liblz4-1',
  'liblzma5',
  'libzstd1',
  'libstdc++6',
  'libgcc-s1',
] as const;

export interface EnsureRedisOptions {
  readonly cacheDir?: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** A real Redis, or why there is none. */
export type RedisProgram =
  | { readonly binary: Binary; readonly reason: null }
  | { readonly binary: null; readonly reason: string };

/**
 * redis-server from PATH, else unpacked from Debian's packages into the cache (1.5 MB, nothing is installed); else the
 * reason why there is none. Rejects when `signal` is aborted.
 */
export async function ensureRedisServer(options: EnsureRedisOptions = {}): Promise<RedisProgram> {
  const system = await findRedisServer();
  if (system !== null) return { binary: system, reason: null };
  try {
    const small = await tryPackages('redis', PACKAGES, options);
    if (small !== null) return { binary: small, reason: null };
    const full = await tryPackages('redis-full', [...PACKAGES, ...MORE_PACKAGES], options);
    if (full !== null) return { binary: full, reason: null };
    return { binary: null, reason: "Debian's redis-server was unpacked but does not start on this machine" };
  } catch (error) {
    if (error instanceof ProvisionError && options.signal?.aborted !== true)
      return { binary: null, reason: error.message };
    throw error;
  }
}

async function tryPackages(
  name: string,
  packages: readonly string[],
  options: EnsureRedisOptions,
): Promise<Binary | null> {
  let said = false;
  const onProgress = (line: string): void => {
    if (!said)
      options.onProgress?.("no redis-server on PATH: unpacking Debian's into the cache (nothing is installed)");
    said = true;
    options.onProgress?.(line);
  };
  const folder = await unpackDebianPackages({ ...options, name, packages, onProgress });
  const binary = await probeRedis(join(folder, 'usr/bin/redis-server'), {
    LD_LIBRARY_PATH: (await libraryFolders(folder)).join(':'),
  });
  // It would not run next time either.
  if (binary === null) await rm(folder, { recursive: true, force: true });
  return binary;
}

/** `usr/lib/ARCH-linux-gnu` and `lib/ARCH-linux-gnu`, as far as they exist. */
async function libraryFolders(root: string): Promise<string[]> {
  const found: string[] = [];
  for (const parent of ['usr/lib', 'lib']) {
    const entries = await readdir(join(root, parent), { withFileTypes: true }).catch(() => []);
    for (const entry of entries)
      if (entry.isDirectory() && entry.name.endsWith('-linux-gnu')) found.push(join(root, parent, entry.name));
  }
  return found;
}
