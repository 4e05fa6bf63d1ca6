import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { CameraConfig } from '../messages/camera.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { InfraError } from './errors.ts';
import { checkSource } from './source-policy.ts';

const VERSION = 1;
/** Cameras a file may hold. */
export const MAX_CAMERAS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

const Envelope = z.object({ version: z.int(), cameras: z.array(z.unknown()).max(MAX_CAMERAS) });

/** What was on the disk. */
export interface LoadedCameras {
  readonly cameras: readonly CameraConfig[];
  /** Where the file was put when something in it could not be read; null when all was well. */
  readonly movedAside: string | null;
  /** What could not be read, one sentence each, without secrets. */
  readonly problems: readonly string[];
}

/** Where the registry of cameras keeps its list over restarts. */
export interface CameraStore {
  readonly path: string;
  /**
   * The stored cameras; none when there is no file yet. A file that cannot be understood is moved aside with a
   * warning, entries that can be are kept. Rejects `CONFIG_INVALID` when it cannot be read or is of a newer version.
   */
  load(): Promise<LoadedCameras>;
  /** Replaces the list, all or nothing, and resolves when it is on the disk. Saves run one after the other. */
  save(cameras: readonly CameraConfig[]): Promise<void>;
}

/** The list as a JSON file that only its owner may read: camera URLs hold passwords. */
export class FileCameraStore implements CameraStore {
  readonly path: string;
  readonly #log: ActorLog;
  #last: Promise<void> = Promise.resolve();

  constructor(options: { readonly path: string; readonly log: ActorLog }) {
    this.path = options.path;
    this.#log = options.log;
  }

  async load(): Promise<LoadedCameras> {
    await this.#removeLeftovers();
    const text = await this.#read();
    if (text === null) return { cameras: [], movedAside: null, problems: [] };
    const { cameras, problems } = understand(text, this.path);
    if (problems.length === 0) return { cameras, movedAside: null, problems };
    const movedAside = `${this.path}.broken-${new Date().toISOString().replaceAll(':', '-')}`;
    await copyFile(this.path, movedAside);
    await chmod(movedAside, 0o600);
    this.#log.error(
      { path: this.path, movedAside, problems, kept: cameras.length },
      `${this.path} could not be fully read: ${problems.length} problem(s), ${cameras.length} camera(s) kept. The file as it was is now ${movedAside}; repair it, put it back and restart to get the others`,
    );
    // The repaired list takes the place of the broken file, so that the next start does not stumble again.
    await this.save(cameras);
    return { cameras, movedAside, problems };
  }

  save(cameras: readonly CameraConfig[]): Promise<void> {
    const body = `${JSON.stringify({ version: VERSION, cameras: z.array(CameraConfig).max(MAX_CAMERAS).parse(cameras) }, null, 2)}\n`;
    const saved = this.#last.then(() => this.#replace(body));
    // The next save must run whether or not this one worked; its own caller hears of the failure.
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  async #replace(body: string): Promise<void> {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const temporary = join(folder, `.${basename(this.path)}.${randomBytes(6).toString('hex')}.tmp`);
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(body);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
      await syncFolder(folder);
    } catch (error) {
      await rm(temporary, { force: true });
      throw new InfraError('CONFIG_INVALID', `the list of cameras could not be written to ${this.path}: ${asError(error).message}`, { path: this.path }, error);
    }
  }

  async #read(): Promise<string | null> {
    try {
      const { size, mode } = await stat(this.path);
      if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
      if ((mode & 0o077) !== 0) {
        await chmod(this.path, 0o600);
        this.#log.warn({ path: this.path }, `${this.path} could be read by others and may hold passwords; its mode is 0600 now`);
      }
      return await readFile(this.path, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw new InfraError('CONFIG_INVALID', `the list of cameras ${this.path} cannot be read: ${asError(error).message}`, { path: this.path }, error);
    }
  }

  /** Temporary files of a save that a crash cut short. */
  async #removeLeftovers(): Promise<void> {
    const folder = dirname(this.path);
    const names = await readdir(folder).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw new InfraError('CONFIG_INVALID', `the folder ${folder} cannot be read: ${asError(error).message}`, { path: folder }, error);
    });
    const ours = names.filter((name) => name.startsWith(`.${basename(this.path)}.`) && name.endsWith('.tmp'));
    await Promise.all(ours.map((name) => rm(join(folder, name), { force: true })));
  }
}

function understand(text: string, path: string): { cameras: CameraConfig[]; problems: string[] } {
  const envelope = Envelope.safeParse(parseJson(text));
  if (!envelope.success) return { cameras: [], problems: ['the file is not a list of cameras in JSON'] };
  if (envelope.data.version !== VERSION) {
    throw new InfraError('CONFIG_INVALID', `${path} is of version ${envelope.data.version}, this program reads version ${VERSION}; use the program that wrote it, or move the file away`, { path, version: envelope.data.version });
  }
  const cameras = new Map<string, CameraConfig>();
  const problems: string[] = [];
  for (const [index, entry] of envelope.data.cameras.entries()) {
    const parsed = CameraConfig.safeParse(entry);
    const problem = parsed.success ? problemOf(parsed.data, cameras) : describe(parsed.error);
    if (parsed.success && problem === null) cameras.set(parsed.data.cameraId, parsed.data);
    else problems.push(`cameras[${index}]: ${problem ?? ''}`);
  }
  return { cameras: [...cameras.values()], problems };
}

function problemOf(camera: CameraConfig, known: ReadonlyMap<string, CameraConfig>): string | null {
  if (known.has(camera.cameraId)) return `cameraId ${camera.cameraId} is there twice`;
  const verdict = checkSource(camera.url);
  return verdict.ok ? null : `url of ${camera.cameraId}: ${verdict.reason}`;
}

const describe = (error: z.ZodError): string => error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller reports whatever does not fit the shape, `null` included.
    return null;
  }
}

/** A rename is only safe from a power cut once the folder itself is on the disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
