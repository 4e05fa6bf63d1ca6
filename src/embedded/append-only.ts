import { spawn } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ensureRedisServer } from '../provision/redis-packages.ts';
import { childEnvironment } from '../runtime/child-environment.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import type { DataNotices } from '../storage/set-aside.ts';

/** Redis's append-only files: a base, increments, and a manifest that lists them in order. */
const PART = /^appendonly\.aof\.(\d{1,15})\.(base|incr)\.(?:rdb|aof)$/u;
const MANIFEST = 'appendonly.aof.manifest';
const FIX_MS = 60_000;

interface Part {
  readonly name: string;
  readonly seq: number;
  readonly isBase: boolean;
  readonly size: number;
}

async function partsIn(folder: string): Promise<readonly Part[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found = entries.flatMap((entry) => {
    const [, seq, kind] = (entry.isFile() ? PART.exec(entry.name) : null) ?? [];
    return seq === undefined ? [] : [{ name: entry.name, seq: Number(seq), isBase: kind === 'base' }];
  });
  return Promise.all(found.map(async (part) => ({ ...part, size: (await stat(join(folder, part.name))).size })));
}

/** The manifest for these files: the newest base, then the increments. */
function manifestOf(parts: readonly Pick<Part, 'name' | 'seq' | 'isBase'>[]): string {
  const bases = parts.filter(({ isBase }) => isBase).toSorted((a, b) => b.seq - a.seq);
  const incr = parts.filter(({ isBase }) => !isBase).toSorted((a, b) => a.seq - b.seq);
  return [
    ...bases.slice(0, 1).map(({ name, seq }) => `file ${name} seq ${seq} type b`),
    ...incr.map(({ name, seq }) => `file ${name} seq ${seq} type i`),
    '',
  ].join('\n');
}

/** Why the files cannot be used as they are; null when they can. Without its manifest Redis would overwrite them. */
export async function appendOnlyBroken(folder: string): Promise<string | null> {
  const parts = await partsIn(folder);
  if (parts.length === 0) return null;
  const exists = await stat(join(folder, MANIFEST)).then(
    (found) => found.isFile(),
    () => false,
  );
  return exists ? null : `${join(folder, MANIFEST)} is missing`;
}

/**
 * Rewrites the manifest and cuts the last file before its first damage. Resolves to a description of the repair; null
 * when nothing can be saved.
 */
export async function repairAppendOnly(folder: string): Promise<string | null> {
  const parts = await partsIn(folder);
  if (parts.length === 0) return null;
  const manifest = join(folder, MANIFEST);
  const before = parts.reduce((sum, { size }) => sum + size, 0);
  await writeWhole(manifest, manifestOf(parts));
  if (!(await fix(manifest))) return null;
  const after = (await partsIn(folder)).reduce((sum, { size }) => sum + size, 0);
  return after < before
    ? `${before - after} of its ${before} bytes could not be read and were cut off`
    : 'its manifest was rebuilt from the existing files';
}

/** Runs `redis-check-aof --fix`: the program is redis-server, which goes by its own name. */
async function fix(manifest: string): Promise<boolean> {
  const { binary } = await ensureRedisServer({});
  if (binary === null) return false;
  return new Promise((resolve) => {
    const child = spawn(binary.path, ['--fix', manifest], {
      argv0: 'redis-check-aof',
      env: childEnvironment({ extra: binary.env }),
      stdio: ['pipe', 'ignore', 'ignore'],
      timeout: FIX_MS,
    });
    child.once('error', () => resolve(false));
    child.once('close', (code) => resolve(code === 0));
    child.stdin.on('error', () => undefined);
    child.stdin.end('y\n');
  });
}

const Sizes = z.record(z.string().regex(PART), z.int().min(0));
const BOUNDS = { maxLength: 65_536, maxParts: 1_000 };
const EVERY_MS = 10_000;

/**
 * Remembers the sizes of the append-only files, to notice lost data: Redis does not notice a file that is missing, or
 * cut between two commands. Files that a rewrite replaced are no loss.
 */
export class AppendOnlyMemory {
  readonly #folder: string;
  readonly #file: string;
  readonly #notices: DataNotices;
  #timer: NodeJS.Timeout | null = null;
  #last = '';

  /** @param file where the sizes are kept */
  constructor(folder: string, file: string, notices: DataNotices) {
    this.#folder = folder;
    this.#file = file;
    this.#notices = notices;
  }

  /** Reports data missing since the last `look`. Call it before the server starts. */
  async compare(): Promise<void> {
    const before = await this.#remembered();
    const now = await partsIn(this.#folder);
    const missing = missingOf(before, now);
    if (missing.length === 0) return;
    this.#notices.say(
      { folder: this.#folder, missing },
      `Redis lost what it had stored since Gantry last ran: ${missing.join(', ')} in ${this.#folder}. ` +
        'Lists of alerts and shared limits may lack entries (the history of alerts is in NATS: ' +
        'GET /api/alerts/history); restore the folder from a backup to get them back',
    );
  }

  /** Remembers the sizes every 10 s from now on. */
  follow(): void {
    this.#timer = setInterval(() => void this.look(), EVERY_MS).unref();
  }

  /** Remembers the sizes as they are now. Never rejects: a full disk is reported elsewhere. */
  async look(): Promise<void> {
    const parts = await partsIn(this.#folder).catch(() => []);
    const body = JSON.stringify(Object.fromEntries(parts.map(({ name, size }) => [name, size])));
    if (body === this.#last) return;
    this.#last = body;
    await writeWhole(this.#file, body).catch(() => undefined);
  }

  /** Call after the server has ended. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.look();
  }

  async #remembered(): Promise<ReadonlyMap<string, number>> {
    try {
      const text = await readWhole(this.#file, BOUNDS.maxLength);
      const parsed = Sizes.safeParse(text === null ? {} : parseJson(text, this.#file, BOUNDS));
      return new Map(parsed.success ? Object.entries(parsed.data) : []);
    } catch {
      // Nothing to compare with. The next `look` writes the file again.
      return new Map();
    }
  }
}

/** Describes files that are shorter than before, or gone without newer ones in their place. */
function missingOf(before: ReadonlyMap<string, number>, now: readonly Pick<Part, 'name' | 'seq' | 'size'>[]): string[] {
  const newest = Math.max(0, ...now.map(({ seq }) => seq));
  return [...before].flatMap(([name, size]) => {
    const seq = Number(PART.exec(name)?.[1] ?? 0);
    const found = now.find((part) => part.name === name);
    if (found !== undefined) return found.size < size ? [`${size - found.size} of the ${size} bytes of ${name}`] : [];
    // A rewrite makes files with a higher number, and removes the older ones.
    return newest > seq || size === 0 ? [] : [`all ${size} bytes of ${name}`];
  });
}
