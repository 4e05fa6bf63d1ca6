import type { CameraGroups } from '../../messages/camera.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { Principal } from '../../messages/principal.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock, TimerHandle } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

/** The cameras of all nodes are listed this often; changes of this server and of other nodes are told at once. */
const LISTED_EVERY_MS = 5_000;
/** Wait for another try while no list has been read yet. */
const FIRST_TRY_MS = 500;
/** Cameras whose groups are remembered. At the bound those that no node lists any more are forgotten. */
const MOST_REMEMBERED = 20_000;

const NONE: readonly string[] = [];

/** A camera's groups before and after a change. */
export interface GroupChange {
  readonly cameraId: CameraId;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface CameraScopeOptions {
  /** The cameras of all nodes that answer. */
  readonly list: () => Promise<readonly CameraGroups[]>;
  readonly clock: Clock;
  readonly log: ActorLog;
}

/**
 * Decides which cameras exist for a principal: all for one without groups, else those with a group in common. An index
 * in memory answers, so a decision costs no round trip. A removed camera keeps its last groups, as its alerts are kept;
 * a camera that no node has named yet is in the scope of principals without groups only.
 */
export class CameraScope {
  readonly #options: CameraScopeOptions;
  readonly #groups = new Map<CameraId, readonly string[]>();
  readonly #listeners = new Set<(change: GroupChange) => void>();
  #timer: TimerHandle | null = null;
  #closed = false;
  #listed = false;
  /** Counts the changes told, so that a list read before them does not undo them. */
  readonly #toldAt = new Map<CameraId, number>();
  #reads = 0;

  constructor(options: CameraScopeOptions) {
    this.#options = options;
  }

  /** Whether the camera exists for the principal. */
  sees({ groups }: Pick<Principal, 'groups'>, cameraId: CameraId): boolean {
    return groups === null || shares(this.groupsOf(cameraId), groups);
  }

  /** Its groups; none for an unknown camera. */
  groupsOf(cameraId: CameraId): readonly string[] {
    return this.#groups.get(cameraId) ?? NONE;
  }

  /** Sets a camera's groups at once. */
  note(cameraId: CameraId, groups: readonly string[]): void {
    this.#toldAt.set(cameraId, this.#reads);
    this.#set(cameraId, groups);
  }

  /** Calls `listener` after each change until the returned function is called. */
  onChange(listener: (change: GroupChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to list the cameras, again and again until {@link close}. */
  start(): void {
    void this.#run();
  }

  /** Lists the cameras now. Never rejects: while the list cannot be read, the groups stay as they were. */
  async refresh(): Promise<void> {
    this.#reads += 1;
    const read = this.#reads;
    try {
      const cameras = await this.#options.list();
      // A camera that two nodes list has the groups of the last one.
      const listed = new Map(cameras.map(({ cameraId, groups }) => [cameraId, groups]));
      for (const [cameraId, groups] of listed)
        if ((this.#toldAt.get(cameraId) ?? -1) < read) this.#set(cameraId, groups);
      for (const [cameraId, toldAt] of this.#toldAt) if (toldAt < read) this.#toldAt.delete(cameraId);
      if (this.#groups.size > MOST_REMEMBERED) this.#forgetAllBut(listed);
      this.#listed = true;
    } catch (thrown) {
      this.#options.log.debug({ err: asError(thrown).message }, 'the groups of cameras cannot be read now');
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#listeners.clear();
  }

  async #run(): Promise<void> {
    await this.refresh();
    if (this.#closed) return;
    this.#timer = this.#options.clock.setTimeout(() => void this.#run(), this.#listed ? LISTED_EVERY_MS : FIRST_TRY_MS);
  }

  #set(cameraId: CameraId, after: readonly string[]): void {
    const before = this.groupsOf(cameraId);
    this.#groups.set(cameraId, after);
    if (before.length === after.length && before.every((group, index) => group === after[index])) return;
    for (const listener of this.#listeners) listener({ cameraId, before, after });
  }

  #forgetAllBut(listed: ReadonlyMap<CameraId, unknown>): void {
    for (const cameraId of this.#groups.keys()) if (!listed.has(cameraId)) this.#groups.delete(cameraId);
  }
}

/** Whether two lists of groups, both short, have one in common. */
export const shares = (groups: readonly string[], others: readonly string[]): boolean =>
  groups.some((group) => others.includes(group));
