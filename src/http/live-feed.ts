import { type Aggregate, isAlert } from '../messages/aggregate.ts';
import type { AlertHandling, Shelf } from '../messages/alert-handling.ts';
import type { CameraStatus } from '../messages/camera.ts';
import type { FeedPlace } from '../messages/feed.ts';
import type { CameraId } from '../messages/ids.ts';
import type { Principal } from '../messages/principal.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, pause } from '../runtime/clock.ts';
import type { CameraScope } from './access/camera-scope.ts';
import { HttpError } from './errors/http-error.ts';
import { Heartbeat } from './feed/heartbeat.ts';
import { handlingMessage, shelvesMessage } from './feed/desk-messages.ts';
import { alertMessage, encode, type EncodedMessage, frameMessage, type Gap, gapMessage } from './feed/feed-protocol.ts';
import { type FeedHistory, MissedAlerts } from './feed/missed-alerts.ts';
import { RecentIds } from './feed/recent-ids.ts';
import { resume } from './feed/resume.ts';
import type { FeedSequence, LiveFeedFigures } from './feed/feed-figures.ts';
import { removedStatus, ScopeChanges } from './feed/scope-changes.ts';
import { frameOrder, Snapshot } from './feed/snapshot.ts';
import { MAX_NAMED } from './feed/subscription.ts';
import { Viewer, type FeedSocket, type Since, type ViewerHost } from './feed/viewer.ts';
import type { HttpLimits } from './http-limits.ts';
import type { CameraPort } from './ports.ts';

/** Aggregates remembered to recognise repeated ones. */
const REMEMBERED = 8_192;
const RETRY_MS = 1_000;

export interface LiveFeedOptions {
  readonly cameras: Pick<CameraPort, 'list' | 'latest'>;
  /** Which cameras exist for whom. */
  readonly scope: Pick<CameraScope, 'sees' | 'onChange'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly limits: HttpLimits;
  /** Prefix of every public address. Default: none. */
  readonly basePath?: string;
  /** Which aggregates also go out as `alert`. Default: those kept in `alerts:{id}`. */
  readonly isAlert?: (aggregate: Aggregate) => boolean;
}

/** Sends aggregates and camera statuses to all viewers. Never waits for a viewer. */
export class LiveFeed implements ViewerHost {
  readonly #options: LiveFeedOptions;
  readonly #isAlert: (aggregate: Aggregate) => boolean;
  readonly #viewers = new Set<Viewer>();
  readonly #heartbeat: Heartbeat;
  readonly #recent = new RecentIds(REMEMBERED);
  readonly #alerted = new RecentIds(REMEMBERED);
  readonly #snapshot: Snapshot;
  /** Cache of the viewers that follow a camera; cleared when a subscription changes. */
  readonly #followers = new Map<CameraId, readonly Viewer[]>();
  #published = 0;
  readonly #missedAlerts: MissedAlerts;
  readonly #counts = { droppedFrames: 0, gaps: 0, replayed: 0 };
  #epoch: string | null = null;
  /** Every message up to this sequence was sent or does not exist; null before the first. */
  #through: number | null = null;
  /** When an aggregate was last sent, epoch ms: when the stream is lost, alerts since then may be missing. */
  #sentAt: number;
  #closedSlow = 0;
  #duplicates = 0;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#isAlert = options.isAlert ?? isAlert;
    this.#heartbeat = new Heartbeat(options.clock, options.limits.heartbeatMs);
    this.#sentAt = options.clock.now();
    this.#snapshot = new Snapshot({
      cameras: options.cameras,
      log: options.log,
      isHere: (viewer) => this.#viewers.has(viewer),
      onUnknown: () => this.#followers.clear(),
    });
    this.#missedAlerts = new MissedAlerts({
      clock: options.clock,
      limits: options.limits,
      isAlert: this.#isAlert,
      onRead: ({ aggregate }, place) => this.#snapshot.keep(aggregate, 0, frameMessage(aggregate, place)),
    });
    const scopeChanges = new ScopeChanges({
      viewers: this.#viewers,
      left: (viewer, camera) => this.#left(viewer, camera),
      entered: (viewer, cameras) => void this.#snapshot.sendEntered(viewer, cameras, this.#published),
    });
    options.scope.onChange((change) => {
      this.#followers.clear();
      scopeChanges.apply(change);
    });
  }

  figures(): LiveFeedFigures {
    const viewers = [...this.#viewers];
    return {
      viewers: viewers.length,
      published: this.#published,
      ...this.#counts,
      closedSlow: this.#closedSlow,
      duplicates: this.#duplicates,
      lagging: viewers.filter(({ outbox }) => outbox.lagging).length,
      bytesWaiting: viewers.reduce((sum, { outbox }) => sum + outbox.pendingBytes, 0),
    };
  }

  /** Sets where missed alerts are read from. */
  use(history: FeedHistory): void {
    this.#missedAlerts.use(history);
  }

  /** Aggregates published from now on follow sequence `seq` of the stream without a gap; null: the first sets it. */
  begin(epoch: string, seq: number | null): void {
    this.#epoch = epoch;
    this.#through = seq;
    this.#missedAlerts.begin(epoch, seq);
  }

  /**
   * The stream was lost, or dropped messages that were not read yet. Until {@link recovered}, messages go out without
   * offsets. Viewers whose replay is not complete are asked to reconnect.
   */
  lost(): void {
    this.#epoch = null;
    this.#through = null;
    this.#missedAlerts.lose();
    this.#snapshot.dropOffsets();
    for (const viewer of this.#viewers) {
      if (viewer.mode === 'live') continue;
      this.disconnect(viewer);
      viewer.socket.close(1012, 'the stream behind the feed was lost: reconnect and resume with since');
    }
  }

  /**
   * After {@link lost}: sends the alerts of the history that were not sent, then begins in `epoch` and tells every
   * viewer of the gap. Retries until the history can be read. Resolves when done or aborted.
   *
   * @param before place of the feed when the stream was lost
   */
  async recovered(epoch: string, before: FeedPlace | null, signal: AbortSignal): Promise<void> {
    const from = this.#sentAt;
    let found = null;
    while (found === null) {
      found = await this.#missedAlerts.alertsSince(from).catch(() => null);
      if (found === null) await pause(this.#options.clock, RETRY_MS, signal);
      if (signal.aborted) return;
    }
    for (const { requestId, camera, message } of found.alerts) {
      if (this.#alerted.add(requestId)) for (const viewer of this.#followersOf(camera)) viewer.outbox.alert(message);
    }
    this.begin(epoch, this.#through);
    const now = this.place();
    this.#tellGap({ from: before, to: now, reason: 'stream_lost', missed: null, alertsSince: found.since }, now);
  }

  /** Tells viewers that `missed` messages up to sequence `to` exist but cannot be read now. */
  gap(to: number, missed: number): void {
    const gap = {
      from: this.place(),
      to: this.#placeOf(to),
      reason: 'unreachable',
      missed,
      alertsSince: null,
    } as const;
    this.#tellGap(gap, null);
  }

  /** The place up to which every message was sent; null while the stream is not known. */
  place(): FeedPlace | null {
    return this.#placeOf(this.#through);
  }

  /**
   * Sends an aggregate to the viewers that follow its camera: each revision as a frame, the first as an alert too.
   * False when it was sent before.
   *
   * @param sequence null when its position in the stream is not known
   */
  publish(aggregate: Aggregate, sequence: FeedSequence | null = null): boolean {
    if (sequence !== null) this.#advance(sequence);
    if (!this.#recent.add(`${aggregate.requestId} ${aggregate.revision}`)) {
      this.#duplicates += 1;
      return false;
    }
    this.#sentAt = this.#options.clock.now();
    const camera = aggregate.cameraId;
    const order = frameOrder(aggregate);
    const place = sequence === null ? null : this.#placeOf(sequence.through);
    const frame = frameMessage(aggregate, place);
    this.#published += 1;
    this.#snapshot.keep(aggregate, this.#published, frame);
    const isNewAlert = this.#isAlert(aggregate) && this.#alerted.add(aggregate.requestId);
    const alert = isNewAlert ? alertMessage(aggregate, place) : null;
    const replayed = alert !== null && this.#logAlert(aggregate, sequence, alert);
    for (const viewer of this.#followersOf(camera)) {
      const live = viewer.mode !== 'replaying';
      // The alert before the frame: their common offset promises both.
      if (alert !== null && (live || !replayed)) viewer.alert(alert);
      if (live) viewer.frame(camera, order, frame);
    }
    return true;
  }

  /** Logs an alert. Returns whether viewers in mode `replaying` will get it from the log: not one that fills a gap. */
  #logAlert(aggregate: Aggregate, sequence: FeedSequence | null, message: EncodedMessage): boolean {
    if (sequence === null || this.#epoch === null) return false;
    const { cameraId: camera, requestId } = aggregate;
    this.#missedAlerts.log.add({ seq: sequence.seq, camera, requestId, at: this.#sentAt, message });
    return sequence.seq >= sequence.through;
  }

  publishStatus(status: CameraStatus): void {
    const text = encode({ type: 'camera_status', data: status });
    for (const viewer of this.#followersOf(status.cameraId)) viewer.outbox.status(status.cameraId, text);
  }

  /** Sends the changed handling of an alert. */
  publishHandling(handling: AlertHandling): void {
    const message = handlingMessage(handling);
    for (const viewer of this.#followersOf(handling.cameraId)) viewer.alert(message);
  }

  publishShelves(shelves: readonly Shelf[]): void {
    for (const viewer of this.#viewers) viewer.alert(shelvesMessage(shelves, (camera) => viewer.sees(camera)));
  }

  /** The camera was removed: tells viewers, and forgets its messages. */
  forget(cameraId: CameraId): void {
    this.#snapshot.forget(cameraId);
    for (const viewer of this.#viewers) viewer.forget(cameraId);
    this.publishStatus(removedStatus(cameraId, this.#options.clock.now()));
  }

  sees({ principal }: Viewer, camera: CameraId): boolean {
    return this.#options.scope.sees(principal, camera);
  }

  /** For the viewer it is as if the camera was removed. */
  #left(viewer: Viewer, cameraId: CameraId): void {
    viewer.forget(cameraId);
    viewer.outbox.status(
      cameraId,
      encode({ type: 'camera_status', data: removedStatus(cameraId, this.#options.clock.now()) }),
    );
    if (!viewer.outbox.lagging) return;
    // Alerts of the camera may be queued.
    this.disconnect(viewer);
    viewer.socket.close(1012, 'the cameras you may see changed: reconnect and resume with since');
  }

  /** Adds a viewer; the caller passes on its messages and calls {@link disconnect} when the socket closes. */
  connect(socket: FeedSocket, principal: Principal): Viewer {
    const viewer = new Viewer({ socket, principal }, this, this.#options.clock, this.#options.limits, this.#counts);
    this.#viewers.add(viewer);
    this.#heartbeat.add(socket);
    viewer.greet(this.place());
    return viewer;
  }

  alive(viewer: Viewer): void {
    this.#heartbeat.alive(viewer.socket);
  }

  disconnect(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    this.#followers.clear();
    this.#heartbeat.remove(viewer.socket);
    viewer.outbox.close();
  }

  /** Tells every viewer that the server is stopping. */
  close(): void {
    for (const viewer of this.#viewers) {
      this.disconnect(viewer);
      viewer.socket.close(1001, 'Gantry is stopping');
    }
    this.#heartbeat.stop();
  }

  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null, since: Since | null): void {
    // Before the snapshot is read, so that no live message is missed meanwhile.
    if (cameras === null) viewer.subscription.addAll();
    else if (!viewer.subscription.add(cameras)) {
      viewer.error(new HttpError('TOO_MANY', 'cameraIds: too many cameras are followed', { field: 'cameraIds' }));
      return;
    }
    this.#followers.clear();
    const sendSnapshot = (): void => void this.#snapshot.send(viewer, cameras, this.#published);
    if (since === null) {
      sendSnapshot();
      return;
    }
    viewer.mode = 'replaying';
    const { clock, limits, basePath = '' } = this.#options;
    void resume({
      viewer,
      cameras,
      since,
      pausedAt: this.#through ?? 0,
      missedAlerts: this.#missedAlerts,
      clock,
      alertsBackMs: limits.alertsBackMs,
      basePath,
      place: () => this.place(),
      isHere: () => this.#viewers.has(viewer),
      onLive: sendSnapshot,
      counts: this.#counts,
    });
  }

  unsubscribed(): void {
    this.#followers.clear();
  }

  tooSlow(viewer: Viewer): void {
    this.#closedSlow += 1;
    this.disconnect(viewer);
    viewer.giveUp();
  }

  #followersOf(camera: CameraId): readonly Viewer[] {
    const known = this.#followers.get(camera);
    if (known !== undefined) return known;
    const followers = [...this.#viewers].filter((viewer) => viewer.follows(camera));
    if (this.#followers.size >= MAX_NAMED) this.#followers.clear();
    this.#followers.set(camera, followers);
    return followers;
  }

  #advance({ seq, through }: FeedSequence): void {
    if (this.#epoch !== null && this.#through === null) this.#missedAlerts.begin(this.#epoch, seq - 1);
    this.#through = Math.max(through, this.#through ?? 0);
  }

  #placeOf(seq: number | null): FeedPlace | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, seq: seq ?? 0 };
  }

  /** @param place up to which every alert was sent; null when alerts may be missing */
  #tellGap(gap: Omit<Gap, 'basePath'>, place: FeedPlace | null): void {
    const { basePath = '' } = this.#options;
    const ofAll = gapMessage({ ...gap, basePath }, place);
    // The missed messages of all cameras are counted.
    const ofScope = gapMessage({ ...gap, missed: null, basePath }, place);
    for (const viewer of this.#viewers) {
      this.#counts.gaps += 1;
      viewer.alert(viewer.principal.groups === null ? ofAll : ofScope);
    }
  }
}
