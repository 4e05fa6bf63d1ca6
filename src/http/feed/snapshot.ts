import type { Aggregate } from '../../messages/aggregate.ts';
import type { CameraStatus } from '../../messages/camera.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { HttpError } from '../errors/http-error.ts';
import type { CameraPort } from '../ports.ts';
import { MAX_NAMED } from './following.ts';
import { encode, frameText, type FeedText } from './feed-protocol.ts';
import type { Viewer } from './viewer.ts';

/** Look-ups of newest aggregates at the same time, per subscription. */
const LOOKUPS = 8;

interface Newest {
  readonly order: number;
  /** How many aggregates had been published with it. */
  readonly count: number;
  readonly text: FeedText;
}

export interface PresentOptions {
  readonly cameras: Pick<CameraPort, 'list' | 'latest'>;
  readonly log: ActorLog;
  /** Asked after every wait: the viewer is still there. */
  readonly isHere: (viewer: Viewer) => boolean;
  /** The viewer named cameras that do not exist and follows them no more. */
  readonly onUnknown: () => void;
}

/** The newest frame of every camera, and what a viewer gets at once when it subscribes. */
export class Present {
  readonly #options: PresentOptions;
  readonly #newest = new Map<CameraId, Newest>();

  constructor(options: PresentOptions) {
    this.#options = options;
  }

  /** @param count how many aggregates have been published, this one included; 0 for one read again */
  keep(aggregate: Aggregate, count: number, text: FeedText): void {
    const camera = aggregate.cameraId;
    const order = frameOrder(aggregate);
    if ((this.#newest.get(camera)?.order ?? -1) >= order) return;
    // Frames of cameras removed meanwhile may still come: start over rather than keep them for ever.
    if (this.#newest.size >= MAX_NAMED && !this.#newest.has(camera)) this.#newest.clear();
    this.#newest.set(camera, { order, count, text });
  }

  forget(camera: CameraId): void {
    this.#newest.delete(camera);
  }

  /** Places of another life of the stream mean nothing any more. */
  withoutPlaces(): void {
    for (const [camera, newest] of this.#newest) this.#newest.set(camera, { ...newest, text: newest.text.bare });
  }

  /**
   * Sends status and newest frame of each camera, `cameras` null of every one. Frames published after `seen` others went
   * to the viewer already. Never rejects: the viewer is told.
   */
  async send(viewer: Viewer, cameras: readonly CameraId[] | null, seen: number): Promise<void> {
    try {
      const known = new Map(
        (await this.#options.cameras.list()).map((record) => [record.config.cameraId, record.status]),
      );
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
        viewer.following.remove(unknown);
        this.#options.onUnknown();
      }
      const waiting = wanted.filter((camera) => known.has(camera)).values();
      await Promise.all(Array.from({ length: LOOKUPS }, () => this.#sendSome(viewer, waiting, known, seen)));
    } catch (error) {
      const why = asError(error).message;
      this.#options.log.warn(
        { viewer: viewer.id, error: why },
        `feed: the present state could not be read for a viewer, live frames follow: ${why}`,
      );
      viewer.error(
        new HttpError('UNAVAILABLE', 'the present state of the cameras cannot be read now; live frames follow', {
          cause: error,
        }),
      );
    }
  }

  /** One of several workers over the same iterator. */
  async #sendSome(
    viewer: Viewer,
    cameras: Iterable<CameraId>,
    known: ReadonlyMap<CameraId, CameraStatus>,
    seen: number,
  ): Promise<void> {
    for (const camera of cameras) {
      const status = known.get(camera);
      if (status !== undefined) viewer.outbox.status(camera, encode({ type: 'camera_status', data: status }));
      const found = this.#newest.get(camera) ?? (await this.#lookUp(camera));
      // During the look-up a newer frame may have come, or the viewer left or changed its mind.
      const newest = this.#newest.get(camera) ?? found;
      if (newest !== null && newest.count <= seen && this.#options.isHere(viewer) && viewer.following.has(camera))
        viewer.frame(camera, newest.order, newest.text);
    }
  }

  async #lookUp(camera: CameraId): Promise<Newest | null> {
    const aggregate = await this.#options.cameras.latest(camera);
    return aggregate === null ? null : { order: frameOrder(aggregate), count: 0, text: frameText(aggregate, null) };
  }
}

/** A number that is greater for a later frame of a camera, and for a later revision of the same frame. */
export const frameOrder = (aggregate: Aggregate): number =>
  Date.parse(aggregate.timestamp) * 1_000 + Math.min(aggregate.revision, 999);
