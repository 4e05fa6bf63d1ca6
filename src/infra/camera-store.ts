import { chmod, rename, stat } from 'node:fs/promises';
import { z } from 'zod';
import { CameraConfig } from '../messages/camera.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { DataNotices, setAside } from '../storage/set-aside.ts';
import { checkSource } from './source-policy.ts';

const VERSION = 1;
/** Cameras a file may hold. */
export const MAX_CAMERAS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** A camera has five fields. */
const MAX_PARTS = 20 * MAX_CAMERAS;
/** Problems that are named; the others are counted. */
const MOST_NAMED = 10;

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
   * The stored cameras; none when there is no file yet. A file that cannot be read or understood, or is of another
   * version, is set aside with a notice; entries that can be understood are kept. Rejects with a `StorageError` when it
   * cannot even be set aside.
   */
  load(): Promise<LoadedCameras>;
  /**
   * Replaces the list, all or nothing, and resolves when it is on the disk. Saves run one after the other. Rejects
   * `DISK_FULL` or `NOT_WRITABLE`; then the old list is still there.
   */
  save(cameras: readonly CameraConfig[]): Promise<void>;
}

/** The list as a JSON file that only its owner may read: camera URLs hold passwords. */
export class FileCameraStore implements CameraStore {
  readonly path: string;
  readonly #log: ActorLog;
  readonly #notices: DataNotices;
  #last: Promise<void> = Promise.resolve();

  /** `notices`: told of what had to be set aside; default: the log alone. */
  constructor(options: { readonly path: string; readonly log: ActorLog; readonly notices?: DataNotices }) {
    this.path = options.path;
    this.#log = options.log;
    this.#notices = options.notices ?? new DataNotices(options.log);
  }

  async load(): Promise<LoadedCameras> {
    const { cameras, problems } = await this.#read();
    if (problems.length === 0) return { cameras, movedAside: null, problems };
    const movedAside = await setAside(this.path);
    await chmod(movedAside, 0o600).catch(() => undefined);
    try {
      // The repaired list takes the place of the broken file, so that the next start does not stumble again.
      if (cameras.length > 0) await this.save(cameras);
    } catch (thrown) {
      // The next start must find what is whole again.
      await rename(movedAside, this.path);
      throw thrown;
    }
    const named = problems.slice(0, MOST_NAMED).join('; ');
    const others = problems.length > MOST_NAMED ? `; and ${problems.length - MOST_NAMED} more` : '';
    this.#notices.say(
      { path: this.path, movedAside, problems: problems.slice(0, MOST_NAMED), kept: cameras.length },
      `${this.path} could not be fully read (${named}${others}): ${cameras.length} camera(s) kept. ` +
        `The file as it was is now ${movedAside}; repair it, put it back and restart to get the others, or add them again`,
    );
    return { cameras, movedAside, problems };
  }

  save(cameras: readonly CameraConfig[]): Promise<void> {
    const list = z.array(CameraConfig).max(MAX_CAMERAS).parse(cameras);
    const body = `${JSON.stringify({ version: VERSION, cameras: list }, null, 2)}\n`;
    const saved = this.#last.then(() => writeWhole(this.path, body));
    // The next save must run whether or not this one worked; its own caller hears of the failure.
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  async #read(): Promise<{ cameras: CameraConfig[]; problems: string[] }> {
    try {
      const text = await readWhole(this.path, MAX_BYTES);
      if (text === null) return { cameras: [], problems: [] };
      await this.#close();
      return understand(text);
    } catch (thrown) {
      if (thrown instanceof StorageError) return { cameras: [], problems: [thrown.message] };
      throw thrown;
    }
  }

  async #close(): Promise<void> {
    const { mode } = await stat(this.path);
    if ((mode & 0o077) === 0) return;
    try {
      await chmod(this.path, 0o600);
      this.#log.warn(
        { path: this.path },
        `${this.path} could be read by others and may hold passwords; its mode is 0600 now`,
      );
    } catch {
      // Another user's file; the next save puts one of ours in its place.
      this.#log.warn(
        { path: this.path },
        `${this.path} can be read by others and may hold passwords; it belongs to another user, so its mode stays`,
      );
    }
  }
}

/** Throws a `StorageError` for what is no JSON at all. */
function understand(text: string): { cameras: CameraConfig[]; problems: string[] } {
  const envelope = Envelope.safeParse(parseJson(text, 'the file', { maxLength: MAX_BYTES, maxParts: MAX_PARTS }));
  if (!envelope.success) return { cameras: [], problems: ['the file is not a list of cameras in JSON'] };
  const { version } = envelope.data;
  if (version !== VERSION)
    return {
      cameras: [],
      problems: [
        `the file is of version ${version}, this program reads version ${VERSION}: use the program that wrote it`,
      ],
    };
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

const describe = (error: z.ZodError): string => {
  const named = error.issues.slice(0, 5).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  return named.join('; ').slice(0, 300);
};
