import { chmod, rename, stat } from 'node:fs/promises';
import { z } from 'zod';
import { CameraConfig } from '../messages/camera.ts';
import { jsonSize } from '../messages/json-size.ts';
import type { SceneConfig } from '../messages/scene.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { DataNotices, setAside } from '../storage/set-aside.ts';
import { checkSource } from './source-policy.ts';

const VERSION = 1;
/** Cameras a file may hold. */
export const MAX_CAMERAS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;
/** JSON parts of a file: 400 a camera, some 90 corners of zones. The largest scene has about 14,000. */
const MAX_PARTS = 400 * MAX_CAMERAS;
/** Problems named in the notice; the others are counted. */
const MOST_NAMED = 10;

const Envelope = z.object({ version: z.int(), cameras: z.array(z.unknown()).max(MAX_CAMERAS) });

/** The content of the file. */
export interface LoadedCameras {
  readonly cameras: readonly CameraConfig[];
  /** Where the file was moved because a part of it could not be read; null when all was well. */
  readonly movedAside: string | null;
  /** The parts that could not be read, one sentence each, without secrets. */
  readonly problems: readonly string[];
}

/** Keeps the list of cameras over restarts. */
export interface CameraStore {
  readonly path: string;
  /**
   * The stored cameras; none when there is no file yet. A file that cannot be read or parsed, or is of another version,
   * is set aside with a notice; its valid entries are kept, also without a scene that is invalid. Rejects with a
   * `StorageError` when it cannot be set aside either.
   */
  load(): Promise<LoadedCameras>;
  /**
   * Replaces the list, all or nothing, and resolves when it is on the disk. Saves run one after the other. Rejects
   * `DISK_FULL`, or `NOT_WRITABLE`, also for a list that `load` would find too long; then the old list is still there.
   */
  save(cameras: readonly CameraConfig[]): Promise<void>;
}

export interface CameraStoreOptions {
  readonly path: string;
  readonly log: ActorLog;
  /** Gets a sentence about a file that was set aside. Default: the log alone. */
  readonly notices?: DataNotices;
  /** The first problem of a scene that its types allow; null for none. Default: none is looked for. */
  readonly sceneProblem?: SceneProblem;
}

export type SceneProblem = (scene: SceneConfig) => string | null;

/** The list as a JSON file that only its owner may read: camera URLs hold passwords. */
export class FileCameraStore implements CameraStore {
  readonly path: string;
  readonly #log: ActorLog;
  readonly #notices: DataNotices;
  readonly #sceneProblem: SceneProblem;
  #last: Promise<void> = Promise.resolve();

  constructor(options: CameraStoreOptions) {
    this.path = options.path;
    this.#log = options.log;
    this.#notices = options.notices ?? new DataNotices(options.log);
    this.#sceneProblem = options.sceneProblem ?? (() => null);
  }

  async load(): Promise<LoadedCameras> {
    const { cameras, problems } = await this.#read();
    if (problems.length === 0) return { cameras, movedAside: null, problems };
    const movedAside = await setAside(this.path);
    await chmod(movedAside, 0o600).catch(() => undefined);
    try {
      // The repaired list replaces the broken file, so that the next start does not find it again.
      if (cameras.length > 0) await this.save(cameras);
    } catch (thrown) {
      // The next start must find the whole file.
      await rename(movedAside, this.path);
      throw thrown;
    }
    const named = problems.slice(0, MOST_NAMED).join('; ');
    const others = problems.length > MOST_NAMED ? `; and ${problems.length - MOST_NAMED} more` : '';
    this.#notices.say(
      { path: this.path, movedAside, problems: problems.slice(0, MOST_NAMED), kept: cameras.length },
      `${this.path} could not be fully read (${named}${others}): ${cameras.length} camera(s) kept. ` +
        `The original file is now ${movedAside}; ` +
        'repair it, put it back and restart to get the others, or add them again',
    );
    return { cameras, movedAside, problems };
  }

  save(cameras: readonly CameraConfig[]): Promise<void> {
    const list = z.array(CameraConfig).max(MAX_CAMERAS).parse(cameras);
    const body = textOf(list);
    const tooLong = lengthProblem(body);
    if (tooLong !== null) {
      const message = `the cameras would take ${tooLong} of the file: shorten prompts or scenes`;
      return Promise.reject(new StorageError('NOT_WRITABLE', message, { path: this.path }));
    }
    const saved = this.#last.then(() => writeWhole(this.path, body));
    // The next save must run whether or not this one works; this one's caller gets its failure.
    this.#last = saved.catch(() => undefined);
    return saved;
  }

  async #read(): Promise<{ cameras: CameraConfig[]; problems: string[] }> {
    try {
      const text = await readWhole(this.path, MAX_BYTES);
      if (text === null) return { cameras: [], problems: [] };
      await this.#restrict();
      return parseList(text, this.#sceneProblem);
    } catch (thrown) {
      if (thrown instanceof StorageError) return { cameras: [], problems: [thrown.message] };
      throw thrown;
    }
  }

  /** Makes the file readable for its owner alone. */
  async #restrict(): Promise<void> {
    const { mode } = await stat(this.path);
    if ((mode & 0o077) === 0) return;
    try {
      await chmod(this.path, 0o600);
      this.#log.warn(
        { path: this.path },
        `${this.path} could be read by others and may hold passwords; its mode is 0600 now`,
      );
    } catch {
      // It is another user's file; the next save replaces it by one of ours.
      this.#log.warn(
        { path: this.path },
        `${this.path} can be read by others and may hold passwords; it belongs to another user, so its mode stays`,
      );
    }
  }
}

/** A line for each camera: scenes have many numbers. */
const textOf = (cameras: readonly CameraConfig[]): string =>
  `{"version":${VERSION},"cameras":[\n${cameras.map((camera) => JSON.stringify(camera)).join(',\n')}\n]}\n`;

/** The bound that a file would exceed, in words; null when it is within all. */
function lengthProblem(body: string): string | null {
  const bytes = Buffer.from(body);
  if (bytes.length > MAX_BYTES) return `${bytes.length} bytes, more than the ${MAX_BYTES}`;
  const { values, names } = jsonSize(bytes);
  return values + names > MAX_PARTS ? `${values + names} values and names, more than the ${MAX_PARTS}` : null;
}

/** Throws a `StorageError` for a text that is not JSON. */
function parseList(text: string, sceneProblem: SceneProblem): { cameras: CameraConfig[]; problems: string[] } {
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
    const { camera, problem } = readEntry(entry, sceneProblem);
    const refusal = camera === null ? null : problemOf(camera, cameras);
    if (camera !== null && refusal === null) cameras.set(camera.cameraId, camera);
    for (const each of [problem, refusal]) if (each !== null) problems.push(`cameras[${index}]: ${each}`);
  }
  return { cameras: [...cameras.values()], problems };
}

const WithoutScene = CameraConfig.omit({ scene: true });

interface ReadEntry {
  /** Null when the entry is no camera. */
  readonly camera: CameraConfig | null;
  readonly problem: string | null;
}

/** A camera whose scene alone is invalid is kept without it. */
function readEntry(entry: unknown, sceneProblem: SceneProblem): ReadEntry {
  const parsed = CameraConfig.safeParse(entry);
  const { scene } = parsed.data ?? {};
  const problem = parsed.success ? (scene === undefined ? null : sceneProblem(scene)) : describe(parsed.error);
  if (parsed.success && problem === null) return { camera: parsed.data, problem };
  const without = WithoutScene.safeParse(entry);
  if (!without.success) return { camera: null, problem };
  const { cameraId } = without.data;
  return { camera: without.data, problem: `scene of ${cameraId}, which is kept without one: ${problem}` };
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
