import type { Aggregate } from '../../messages/aggregate.ts';
import type { CameraStatus } from '../../messages/camera.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { HttpError } from '../errors/http-error.ts';
import type { CameraPort } from '../ports.ts';
import { MAX_NAMED } from './subscription.ts';
import { encode, type EncodedMessage, frameMessage } from './feed-protocol.ts';
import type { Viewer } from './viewer.ts';

/** Concurrent look-ups of newest aggregates, per subscription. */
const LOOKUPS = 8;

interface Newest {
  readonly order: number;
  /** How many aggregates had been published, this one included; 0 for one read from a store. */
  readonly count: number;
  readonly message: EncodedMessage;
}

export interface SnapshotOptions {
  readonly cameras: Pick<CameraPort, 'list' | 'latest'>;
  readonly log: ActorLog;
  /** Asked after every wait: whether the viewer is still connected. */
  readonly isHere: (viewer: Viewer) => boolean;
  /** Called when a viewer was unsubscribed from cameras that do not exist. */
  readonly onUnknown: () => void;
}

/** The newest frame of every camera, for viewers that have just subscribed. */
export class Snapshot {
  readonly #options: SnapshotOptions;
  readonly #newest = new Map<CameraId, Newest>();

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** @param count how many aggregates have been published, this one included; 0 for one read from a store */
  keep(aggregate: Aggregate, count: number, message: EncodedMessage): void {
    const camera = aggregate.cameraId;
    const order = frameOrder(aggregate);
    if ((this.#newest.get(camera)?.order ?? -1) >= order) return;
    // Frames of removed cameras may still arrive and would stay for ever: start over at the bound.
    if (this.#newest.size >= MAX_NAMED && !this.#newest.has(camera)) this.#newest.clear();
    this.#newest.set(camera, { order, count, message });
  }

  forget(camera: CameraId): void {
    this.#newest.delete(camera);
  }

  /** Forgets offsets, not frames: the stream they belong to is lost. */
  dropOffsets(): void {
    for (const [camera, newest] of this.#newest)
      this.#newest.set(camera, { ...newest, message: newest.message.withoutOffset });
  }

  /**
   * Sends status and newest frame of each camera; `cameras` null means every camera. Never rejects: on an error the
   * viewer gets an `error` message.
   *
   * @param publishedBefore how many aggregates had been published when the viewer subscribed: it gets later ones live
   */
  async send(viewer: Viewer, cameras: readonly CameraId[] | null, publishedBefore: number): Promise<void> {
    try {
      const known = await this.#known(viewer);
      const wanted = cameras ?? [...known.keys()];
      const unknown = wanted.filter((camera) => !known.has(camera));
      for (const camera of unknown.slice(0, 10)) {
        viewer.error(
          new HttpError('UNKNOWN_CAMERA', `cameraIds: there is no camera ${camera}`, {
            field: 'cameraIds',
            value: camera,
          }),
        );
      }
      if (cameras !== null && unknown.length > 0) {
        viewer.subscription.remove(unknown);
        this.#options.onUnknown();
      }
      await this.#sendAll(viewer, wanted, known, publishedBefore);
    } catch (error) {
      this.#unreadable(viewer, error);
    }
  }

  /** As {@link send} for cameras that came into the scope of a viewer that follows them. */
  async sendEntered(viewer: Viewer, cameras: readonly CameraId[], publishedBefore: number): Promise<void> {
    try {
      await this.#sendAll(viewer, cameras, await this.#known(viewer), publishedBefore);
    } catch (error) {
      this.#unreadable(viewer, error);
    }
  }

  /** The statuses of all cameras that exist for the viewer. */
  async #known(viewer: Viewer): Promise<ReadonlyMap<CameraId, CameraStatus>> {
    const records = await this.#options.cameras.list();
    return new Map(
      records
        .filter(({ config }) => viewer.sees(config.cameraId))
        .map((record) => [record.config.cameraId, record.status]),
    );
  }

  #unreadable(viewer: Viewer, error: unknown): void {
    const why = asError(error).message;
    this.#options.log.warn(
      { viewer: viewer.id, error: why },
      `feed: the snapshot for a viewer could not be read, live frames follow: ${why}`,
    );
    viewer.error(
      new HttpError('UNAVAILABLE', 'the current state of the cameras cannot be read now; live frames follow', {
        cause: error,
      }),
    );
  }

  async #sendAll(
    viewer: Viewer,
    cameras: readonly CameraId[],
    known: ReadonlyMap<CameraId, CameraStatus>,
    publishedBefore: number,
  ): Promise<void> {
    const queue = cameras.filter((camera) => known.has(camera)).values();
    await Promise.all(Array.from({ length: LOOKUPS }, () => this.#sendSome(viewer, queue, known, publishedBefore)));
  }

  /** One of several workers over the same iterator. */
  async #sendSome(
    viewer: Viewer,
    cameras: Iterable<CameraId>,
    known: ReadonlyMap<CameraId, CameraStatus>,
    publishedBefore: number,
  ): Promise<void> {
    for (const camera of cameras) {
      const status = known.get(camera);
      // The scope may have changed meanwhile.
      if (status !== undefined && viewer.sees(camera))
        viewer.outbox.status(camera, encode({ type: 'camera_status', data: status }));
      const found = this.#newest.get(camera) ?? (await this.#lookUp(camera));
      // During the look-up a newer frame may have come, or the viewer may have left or unsubscribed.
      const newest = this.#newest.get(camera) ?? found;
      if (newest !== null && newest.count <= publishedBefore && this.#options.isHere(viewer) && viewer.follows(camera))
        viewer.frame(camera, newest.order, newest.message);
    }
  }

  async #lookUp(camera: CameraId): Promise<Newest | null> {
    const aggregate = await this.#options.cameras.latest(camera);
    return aggregate === null
      ? null
      : { order: frameOrder(aggregate), count: 0, message: frameMessage(aggregate, null) };
  }
}

/** Orders the frames of one camera: greater for a later frame, and for a later revision of the same frame. */
export const frameOrder = (aggregate: Aggregate): number =>
  Date.parse(aggregate.timestamp) * 1_000 + Math.min(aggregate.revision, 999);
