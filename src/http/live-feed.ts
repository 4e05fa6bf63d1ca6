import type { Aggregate } from '../messages/aggregate.ts';
import type { CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { HttpError } from './errors/http-error.ts';
import { MAX_NAMED } from './feed/following.ts';
import { Heartbeat } from './feed/heartbeat.ts';
import { encode } from './feed/protocol.ts';
import { RecentIds } from './feed/recent-ids.ts';
import { Viewer, type FeedSocket, type ViewerHost } from './feed/viewer.ts';
import type { HttpLimits } from './limits.ts';
import type { CameraPort } from './ports.ts';

/** Aggregates remembered to recognise one that comes by Redis and by NATS. */
const REMEMBERED = 8_192;
/** Lookups of newest aggregates at the same time, per subscription. */
const LOOKUPS = 8;

export interface LiveFeedOptions {
  readonly cameras: Pick<CameraPort, 'list' | 'latest'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly limits: HttpLimits;
  /** Which aggregates also go out as `alert`. Default: those of the highest level, as kept in `alerts:{id}`. */
  readonly isAlert?: (aggregate: Aggregate) => boolean;
}

interface Newest {
  readonly order: number;
  readonly text: Uint8Array;
}

/** Sends aggregates and camera statuses to everyone who watches. Nothing here waits for a viewer. */
export class LiveFeed implements ViewerHost {
  readonly #options: LiveFeedOptions;
  readonly #isAlert: (aggregate: Aggregate) => boolean;
  readonly #viewers = new Set<Viewer>();
  readonly #heartbeat: Heartbeat;
  readonly #recent = new RecentIds(REMEMBERED);
  readonly #alerted = new RecentIds(REMEMBERED);
  readonly #newest = new Map<CameraId, Newest>();
  readonly #counts = { droppedFrames: 0, droppedAlerts: 0 };
  #closedSlow = 0;
  #duplicates = 0;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#isAlert = options.isAlert ?? ((aggregate) => aggregate.riskAssessment.maxRiskLevel === 'high');
    this.#heartbeat = new Heartbeat(options.clock, options.limits.heartbeatMs);
  }

  /** Figures since the start. */
  figures(): { readonly viewers: number; readonly droppedFrames: number; readonly droppedAlerts: number; readonly closedSlow: number; readonly duplicates: number } {
    return { viewers: this.#viewers.size, ...this.#counts, closedSlow: this.#closedSlow, duplicates: this.#duplicates };
  }

  /**
   * Sends an aggregate to whoever follows its camera. False when it was sent before: it may come by two ways. A new
   * revision is sent like a new frame, its alert only once.
   */
  publish(aggregate: Aggregate): boolean {
    if (!this.#recent.add(`${aggregate.requestId} ${aggregate.revision}`)) {
      this.#duplicates += 1;
      return false;
    }
    const camera = aggregate.cameraId;
    const order = frameOrder(aggregate);
    const text = encode({ type: 'detection_result', data: aggregate });
    this.#keep(camera, { order, text });
    const alert = this.#isAlert(aggregate) && this.#alerted.add(aggregate.requestId) ? encode({ type: 'alert', data: aggregate }) : null;
    for (const viewer of this.#viewers) {
      if (!viewer.following.has(camera)) continue;
      viewer.frame(camera, order, text);
      if (alert !== null) viewer.outbox.alert(alert);
    }
    return true;
  }

  publishStatus(status: CameraStatus): void {
    const text = encode({ type: 'camera_status', data: status });
    for (const viewer of this.#viewers) if (viewer.following.has(status.cameraId)) viewer.outbox.status(status.cameraId, text);
  }

  /** The camera was removed: says so, and forgets what was kept of it. */
  forget(cameraId: CameraId): void {
    this.#newest.delete(cameraId);
    for (const viewer of this.#viewers) viewer.forget(cameraId);
    this.publishStatus({ cameraId, status: 0, state: 'offline', message: 'the camera was removed', since: new Date(this.#options.clock.now()).toISOString() });
  }

  /** A viewer came; the caller passes on its messages and tells when it has gone. */
  connect(socket: FeedSocket): Viewer {
    const viewer = new Viewer(socket, this, this.#options.clock, this.#options.limits, this.#counts);
    this.#viewers.add(viewer);
    this.#heartbeat.add(socket);
    viewer.greet();
    return viewer;
  }

  alive(viewer: Viewer): void {
    this.#heartbeat.alive(viewer.socket);
  }

  disconnect(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#heartbeat.remove(viewer.socket);
    viewer.outbox.close();
  }

  /** Tells every viewer that the server goes away. */
  close(): void {
    for (const viewer of this.#viewers) {
      this.disconnect(viewer);
      viewer.socket.close(1001, 'Gantry is stopping');
    }
    this.#heartbeat.stop();
  }

  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null): void {
    // Followed at once, so that nothing is missed while the present state is looked up.
    const room = cameras === null ? (viewer.following.everything(), true) : viewer.following.add(cameras);
    if (!room) {
      viewer.error(new HttpError('TOO_MANY', 'cameraIds: too many cameras are followed', { field: 'cameraIds' }));
      return;
    }
    this.#sendPresent(viewer, cameras).catch((error: unknown) => {
      this.#options.log.warn({ viewer: viewer.id, error: asError(error).message }, `feed: the present state could not be read for a viewer, live frames follow: ${asError(error).message}`);
      viewer.error(new HttpError('UNAVAILABLE', 'the present state of the cameras cannot be read now; live frames follow', { cause: error }));
    });
  }

  tooSlow(viewer: Viewer): void {
    this.#closedSlow += 1;
    this.disconnect(viewer);
    viewer.socket.close(1013, 'too slow: more waits than this connection takes');
    // A close frame waits behind what the network did not take either.
    this.#options.clock.setTimeout(() => viewer.socket.terminate(), 2_000);
  }

  #keep(camera: CameraId, newest: Newest): void {
    if ((this.#newest.get(camera)?.order ?? -1) >= newest.order) return;
    // Frames of cameras removed meanwhile may still come: start over rather than keep them for ever.
    if (this.#newest.size >= MAX_NAMED && !this.#newest.has(camera)) this.#newest.clear();
    this.#newest.set(camera, newest);
  }

  async #sendPresent(viewer: Viewer, cameras: readonly CameraId[] | null): Promise<void> {
    const known = new Map((await this.#options.cameras.list()).map((record) => [record.config.cameraId, record.status]));
    const wanted = cameras ?? [...known.keys()];
    const unknown = wanted.filter((camera) => !known.has(camera));
    for (const camera of unknown.slice(0, 10)) {
      viewer.error(new HttpError('UNKNOWN_CAMERA', `cameraIds: there is no camera ${camera}`, { field: 'cameraIds', value: camera }));
    }
    if (cameras !== null) viewer.following.remove(unknown);
    const waiting = wanted.filter((camera) => known.has(camera)).values();
    await Promise.all(Array.from({ length: LOOKUPS }, () => this.#sendPresentOf(viewer, waiting, known)));
  }

  /** One of several workers over the same iterator. */
  async #sendPresentOf(viewer: Viewer, cameras: Iterable<CameraId>, known: ReadonlyMap<CameraId, CameraStatus>): Promise<void> {
    for (const camera of cameras) {
      const status = known.get(camera);
      if (status !== undefined) viewer.outbox.status(camera, encode({ type: 'camera_status', data: status }));
      const newest = this.#newest.get(camera) ?? (await this.#lookUp(camera));
      // The viewer may have left, or changed its mind, during the look-up.
      if (newest !== null && this.#viewers.has(viewer) && viewer.following.has(camera)) viewer.snapshot(camera, newest.order, newest.text);
    }
  }

  async #lookUp(camera: CameraId): Promise<Newest | null> {
    const aggregate = await this.#options.cameras.latest(camera);
    return aggregate === null ? null : { order: frameOrder(aggregate), text: encode({ type: 'detection_result', data: aggregate }) };
  }
}

/** A number that is greater for a later frame of a camera, and for a later revision of the same frame. */
export const frameOrder = (aggregate: Aggregate): number => Date.parse(aggregate.timestamp) * 1_000 + Math.min(aggregate.revision, 999);
