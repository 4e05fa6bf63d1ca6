import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { onPath } from './binaries.ts';
import { lastLines, runProgram } from './command.ts';
import type { OnProgress } from './provision-error.ts';
import { ProvisionError } from './provision-error.ts';
import { buildAtomically, CACHE_DIR } from './folders.ts';
import { withLock } from './lock.ts';

export interface UnpackOptions {
  /** Name of the folder in the cache, e.g. `redis`. */
  readonly name: string;
  /** Debian's package names. */
  readonly packages: readonly string[];
  /** Files to unpack, as absolute paths in the packages; all must exist. Default: everything. */
  readonly only?: readonly string[];
  readonly cacheDir?: string;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

const UPDATE_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 600_000;
const UNPACK_TIMEOUT_MS = 120_000;
const PROGRESS_EVERY_MS = 1000;

/**
 * Downloads Debian packages with the machine's own apt (with its mirrors, keys and proxies; apt checks the hashes) and
 * unpacks them into a folder of the cache, unless it exists. Installs nothing, writes nothing outside the cache, and
 * needs neither root nor package lists. The folder is complete or absent; concurrent processes wait for each other.
 * @returns the folder, laid out like `/`
 * @throws {ProvisionError} `NO_APT`, `DOWNLOAD_FAILED`, `UNPACK_FAILED`, `LOCK_TIMEOUT`
 */
export async function unpackDebianPackages(options: UnpackOptions): Promise<string> {
  const cache = join(options.cacheDir ?? CACHE_DIR, 'debian');
  const target = join(cache, options.name);
  if (existsSync(target)) return target;
  if (onPath('apt-get') === null || onPath('dpkg-deb') === null) {
    throw new ProvisionError(
      'NO_APT',
      `this machine has no apt, so ${options.packages[0] ?? options.name} cannot be fetched from Debian's packages`,
      { packages: options.packages },
    );
  }
  const onWait = (): void => options.onProgress?.(`another process is unpacking ${options.name}; waiting for it`);
  await withLock(
    cache,
    options.name,
    async () => {
      if (existsSync(target)) return;
      await buildAtomically(target, async (folder) => {
        const downloads = `${folder}.debs`;
        try {
          await mkdir(downloads, { recursive: true });
          await mkdir(folder, { recursive: true });
          await download(cache, downloads, options);
          await unpack(downloads, folder, options);
        } finally {
          await rm(downloads, { recursive: true, force: true });
        }
      });
    },
    { onWait },
  );
  return target;
}

async function download(cache: string, folder: string, options: UnpackOptions): Promise<void> {
  const say = options.onProgress ?? (() => undefined);
  const apt = await Apt.open(cache, options.signal);
  // Try the machine's own package lists first, to save a 9 MB download. They may be missing, or older than the mirror.
  const first = await apt.download('system', folder, options.packages, say);
  if (first === null) return;
  say("fetching Debian's package lists (9 MB, kept in the cache)");
  const updated = await apt.update();
  const second = await apt.download('own', folder, options.packages, say);
  if (second === null) return;
  throw new ProvisionError(
    'DOWNLOAD_FAILED',
    `apt could not download ${options.packages.join(', ')}: ${second}` +
      `${updated === '' ? '' : ` (package lists: ${updated})`}. Is Debian's mirror reachable from here?`,
    { packages: options.packages },
  );
}

type Lists = 'system' | 'own';

/** apt-get with every folder it writes moved below the cache. */
class Apt {
  readonly #cache: string;
  readonly #signal: AbortSignal | undefined;

  private constructor(cache: string, signal: AbortSignal | undefined) {
    this.#cache = cache;
    this.#signal = signal;
  }

  static async open(cache: string, signal: AbortSignal | undefined): Promise<Apt> {
    for (const folder of [
      'apt/system/archives/partial',
      'apt/own/archives/partial',
      'apt/lists/partial',
      'apt/state',
    ]) {
      await mkdir(join(cache, folder), { recursive: true });
    }
    // An empty list of installed packages, so that apt does not read the system's.
    await writeFile(join(cache, 'apt/state/status'), '');
    return new Apt(cache, signal);
  }

  /** Fetches package lists. Returns apt's error message; empty when all were fetched. */
  async update(): Promise<string> {
    const { code, stderr } = await this.#run('own', ['update'], { timeoutMs: UPDATE_TIMEOUT_MS });
    return code === 0 ? '' : lastLines(stderr);
  }

  /** Downloads into `folder`. Returns apt's error message; null when all were fetched. */
  async download(lists: Lists, folder: string, packages: readonly string[], say: OnProgress): Promise<string | null> {
    const planned = await this.#run(lists, ['download', '--print-uris', ...packages], { timeoutMs: UPDATE_TIMEOUT_MS });
    if (planned.code !== 0) return lastLines(planned.stderr);
    const total = totalBytes(planned.stdout);
    say(
      `downloading ${packages[0] ?? ''} from Debian ` +
        `(${packages.length} package${packages.length === 1 ? '' : 's'}, ${megabytes(total)} MB)`,
    );
    const began = performance.now();
    let lastPercent = -1;
    let reading = false;
    const timer = setInterval(() => {
      if (reading) return;
      reading = true;
      void folderBytes(folder)
        .then((bytes) => {
          const percent = total === 0 ? 0 : Math.floor((100 * bytes) / total);
          if (percent <= lastPercent || bytes >= total) return;
          const perSecond = megabytes((bytes * 1000) / (performance.now() - began));
          say(`downloaded ${megabytes(bytes)} of ${megabytes(total)} MB (${percent} %, ${perSecond} MB/s)`);
          lastPercent = percent;
        })
        .finally(() => {
          reading = false;
        });
    }, PROGRESS_EVERY_MS);
    try {
      const { code, stderr } = await this.#run(lists, ['download', ...packages], {
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
        cwd: folder,
      });
      if (code !== 0) return lastLines(stderr);
      say(`downloaded ${megabytes(total)} MB in ${((performance.now() - began) / 1000).toFixed(1)} s`);
      return null;
    } finally {
      clearInterval(timer);
    }
  }

  async #run(
    lists: Lists,
    args: readonly string[],
    options: { timeoutMs: number; cwd?: string },
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const settings: Record<string, string> = {
      'Dir::Cache': join(this.#cache, 'apt', lists),
      'Dir::State::status': join(this.#cache, 'apt/state/status'),
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Acquire::http::Timeout': '20',
      'Acquire::https::Timeout': '20',
    };
    if (lists === 'own') {
      settings['Dir::State'] = join(this.#cache, 'apt/state');
      settings['Dir::State::Lists'] = join(this.#cache, 'apt/lists');
    }
    // As root, apt would download as the user _apt, who may not write into the cache.
    if (process.getuid?.() === 0) settings['APT::Sandbox::User'] = 'root';
    const flags = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
    const signal = this.#signal === undefined ? {} : { signal: this.#signal };
    try {
      return await runProgram('apt-get', ['-q', ...flags, ...args], {
        ...options,
        ...signal,
        download: true,
        env: { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      });
    } catch (error) {
      if (error instanceof ProvisionError && this.#signal?.aborted !== true)
        return { code: null, stdout: '', stderr: error.message };
      throw error;
    }
  }
}

/** Arguments: package, folder, files. With a damaged package the archive is cut, so that tar fails. */
const EXTRACT_SOME = 'deb=$1; dir=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$dir" "$@"';

async function unpack(downloads: string, folder: string, options: UnpackOptions): Promise<void> {
  options.onProgress?.(`unpacking ${options.name}`);
  const debs = (await readdir(downloads)).filter((file) => file.endsWith('.deb'));
  for (const deb of debs) {
    const path = join(downloads, deb);
    const { code, stderr } =
      options.only === undefined
        ? await runProgram('dpkg-deb', ['-x', path, folder], withSignal(options))
        : await runProgram(
            'sh',
            ['-c', EXTRACT_SOME, 'sh', path, folder, ...options.only.map((file) => `.${file}`)],
            withSignal(options),
          );
    if (code !== 0)
      throw new ProvisionError('UNPACK_FAILED', `${deb} could not be unpacked: ${lastLines(stderr)}`, { deb });
  }
  const absent = (options.only ?? []).filter((file) => !existsSync(join(folder, file)));
  if (absent.length > 0) {
    throw new ProvisionError(
      'UNPACK_FAILED',
      `the packages ${options.packages.join(', ')} do not have ${absent.join(', ')}`,
      { packages: options.packages, absent },
    );
  }
}

const withSignal = (options: UnpackOptions): { timeoutMs: number; signal?: AbortSignal } => ({
  timeoutMs: UNPACK_TIMEOUT_MS,
  ...(options.signal === undefined ? {} : { signal: options.signal }),
});

/** Sum of the sizes in `apt-get download --print-uris` (lines: 'URI' file size hash). */
export function totalBytes(printUris: string): number {
  let total = 0;
  for (const line of printUris.split('\n')) {
    const match = /^'[^']+' \S+ (\d+)/.exec(line);
    if (match !== null) total += Number(match[1]);
  }
  return total;
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  let total = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // A file may have been renamed since the listing; the next call counts it.
    total += await stat(join(entry.parentPath, entry.name)).then(
      (info) => info.size,
      () => 0,
    );
  }
  return total;
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
