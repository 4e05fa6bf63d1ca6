import type { Aggregate } from '../messages/aggregate.ts';
import type { CameraStatus } from '../messages/camera.ts';
import type { FeedPlace, GapReason } from '../messages/feed.ts';
import type { CameraId } from '../messages/ids.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { sleep, type Clock } from '../runtime/clock.ts';
import { HttpError } from './errors/http-error.ts';
import { MAX_NAMED } from './feed/following.ts';
import { Heartbeat } from './feed/heartbeat.ts';
import { frameOrder, Present } from './feed/present.ts';
import { alertText, encode, frameText, gapText } from './feed/feed-protocol.ts';
import { Recall, type FeedHistory } from './feed/recall.ts';
import { RecentIds } from './feed/recent-ids.ts';
import { resume } from './feed/resume.ts';
import { Viewer, type FeedSocket, type Since, type ViewerHost } from './feed/viewer.ts';
import type { HttpLimits } from './http-limits.ts';
import type { CameraPort } from './ports.ts';

/** Aggregates remembered to recognise one that comes by two ways. */
const REMEMBERED = 8_192;
const AGAIN_MS = 1_000;

export interface LiveFeedOptions {
  readonly cameras: Pick<CameraPort, 'list' | 'latest'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly limits: HttpLimits;
  /** Prefix of every address outside. Default: none. */
  readonly basePath?: string;
  /** Which aggregates also go out as `alert`. Default: those of the highest level, as kept in `alerts:{id}`. */
  readonly isAlert?: (aggregate: Aggregate) => boolean;
}

/** Totals since the start; `viewers`, `lagging` and `bytesWaiting` are as of now. */
export interface LiveFeedFigures {
  readonly viewers: number;
  readonly droppedFrames: number;
  readonly closedSlow: number;
  /** Aggregates that came a second time. */
  readonly duplicates: number;
  /** Gaps that viewers were told of. */
  readonly gaps: number;
  /** Alerts sent again to viewers that came back. */
  readonly replayed: number;
  /** Viewers for whom something waits. */
  readonly lagging: number;
  /** Bytes that viewers have not taken yet. */
  readonly bytesWaiting: number;
}

/** Where an aggregate is in the stream, and up to where everything went out or does not exist. */
export interface FeedSequence {
  readonly seq: number;
  readonly through: number;
}

/** Sends aggregates and camera statuses to everyone who watches. Nothing here waits for a viewer. */
export class LiveFeed implements ViewerHost {
  readonly #options: LiveFeedOptions;
  readonly #isAlert: (aggregate: Aggregate) => boolean;
  readonly #viewers = new Set<Viewer>();
  readonly #heartbeat: Heartbeat;
  readonly #recent = new RecentIds(REMEMBERED);
  readonly #alerted = new RecentIds(REMEMBERED);
  readonly #present: Present;
  /** Who follows a camera, worked out when it is first asked for after a change. */
  readonly #followers = new Map<CameraId, readonly Viewer[]>();
  #published = 0;
  readonly #recall: Recall;
  readonly #counts = { droppedFrames: 0, gaps: 0, replayed: 0 };
  #epoch: string | null = null;
  /** Null: nothing went out yet. */
  #through: number | null = null;
  /** When something last went out, epoch ms: from before it on, alerts may be missing when the stream was lost. */
  #sentAt: number;
  #closedSlow = 0;
  #duplicates = 0;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
    this.#isAlert = options.isAlert ?? ((aggregate) => aggregate.riskAssessment.maxRiskLevel === 'high');
    this.#heartbeat = new Heartbeat(options.clock, options.limits.heartbeatMs);
    this.#sentAt = options.clock.now();
    this.#present = new Present({
      cameras: options.cameras,
      log: options.log,
      isHere: (viewer) => this.#viewers.has(viewer),
      onUnknown: () => this.#followers.clear(),
    });
    this.#recall = new Recall({
      clock: options.clock,
      limits: options.limits,
      isAlert: this.#isAlert,
      onRead: ({ aggregate }, place) => this.#present.keep(aggregate, 0, frameText(aggregate, place)),
    });
  }

  figures(): LiveFeedFigures {
    const viewers = [...this.#viewers];
    return {
      viewers: viewers.length,
      ...this.#counts,
      closedSlow: this.#closedSlow,
      duplicates: this.#duplicates,
      lagging: viewers.filter(({ outbox }) => outbox.lagging).length,
      bytesWaiting: viewers.reduce((sum, { outbox }) => sum + outbox.behind, 0),
    };
  }

  /** Where what viewers missed can be read. */
  use(history: FeedHistory): void {
    this.#recall.use(history);
  }

  /** What is published from here on comes after `seq` of the stream, with nothing left out; `seq` null: from the first one on. */
  begin(epoch: string, seq: number | null): void {
    this.#epoch = epoch;
    this.#through = seq;
    this.#recall.begin(epoch, seq);
  }

  /**
   * The stream was lost, or messages in it before they were read. What is published goes out without places until
   * {@link recovered}. Viewers that are being sent what they missed are asked to connect again.
   */
  lost(): void {
    this.#epoch = null;
    this.#through = null;
    this.#recall.lose();
    this.#present.withoutPlaces();
    for (const viewer of this.#viewers) {
      if (viewer.held === null && !viewer.owed) continue;
      this.disconnect(viewer);
      viewer.socket.close(1012, 'the stream behind the feed was lost: connect again and go on with since');
    }
  }

  /**
   * After {@link lost}: sends the alerts that the history has and nobody was sent, then begins in `epoch` and tells
   * everyone of the gap. Tries until the history can be read. Resolves when done, or stopped.
   */
  async recovered(epoch: string, before: FeedPlace | null, signal: AbortSignal): Promise<void> {
    const from = this.#sentAt;
    let found = null;
    while (found === null) {
      found = await this.#recall.alertsSince(from).catch(() => null);
      if (found === null) await sleep(this.#options.clock, AGAIN_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
    }
    for (const { requestId, camera, message } of found.alerts) {
      if (this.#alerted.add(requestId)) for (const viewer of this.#followersOf(camera)) viewer.outbox.alert(message);
    }
    this.begin(epoch, this.#through);
    this.#gap(before, this.place(), 'stream_lost', this.place(), found.since);
  }

  /** Messages up to `to` exist that cannot be read now. */
  gap(to: number, missed: number): void {
    this.#gap(this.place(), this.#placeOf(to), 'unreachable', null, null, missed);
  }

  /** Up to where everything went out; null while the stream is not known. */
  place(): FeedPlace | null {
    return this.#placeOf(this.#through);
  }

  /**
   * Sends an aggregate to whoever follows its camera. False when it was sent before. A new revision is sent like a new
   * frame, its alert only once. Without a `sequence` its place is not known.
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
    const text = frameText(aggregate, place);
    this.#published += 1;
    this.#present.keep(aggregate, this.#published, text);
    const alert =
      this.#isAlert(aggregate) && this.#alerted.add(aggregate.requestId) ? alertText(aggregate, place) : null;
    const logged = alert !== null && sequence !== null && this.#epoch !== null;
    if (logged)
      this.#recall.log.add({
        seq: sequence.seq,
        camera,
        requestId: aggregate.requestId,
        at: this.#sentAt,
        message: alert,
      });
    // Viewers that are being sent what they missed come to this alert in the log, except to one that is late.
    const inLog = logged && sequence.seq >= sequence.through;
    for (const viewer of this.#followersOf(camera)) {
      // The alert before the frame: who has seen the place of one has both.
      if (alert !== null && (viewer.held === null || !inLog)) viewer.alert(alert);
      if (viewer.held === null) viewer.frame(camera, order, text);
    }
    return true;
  }

  publishStatus(status: CameraStatus): void {
    const text = encode({ type: 'camera_status', data: status });
    for (const viewer of this.#followersOf(status.cameraId)) viewer.outbox.status(status.cameraId, text);
  }

  /** The camera was removed: says so, and forgets what was kept of it. */
  forget(cameraId: CameraId): void {
    this.#present.forget(cameraId);
    for (const viewer of this.#viewers) viewer.forget(cameraId);
    this.publishStatus({
      cameraId,
      status: 0,
      state: 'offline',
      message: 'the camera was removed',
      since: new Date(this.#options.clock.now()).toISOString(),
    });
  }

  /** A viewer came; the caller passes on its messages and tells when it has gone. */
  connect(socket: FeedSocket): Viewer {
    const viewer = new Viewer(socket, this, this.#options.clock, this.#options.limits, this.#counts);
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

  /** Tells every viewer that the server goes away. */
  close(): void {
    for (const viewer of this.#viewers) {
      this.disconnect(viewer);
      viewer.socket.close(1001, 'Gantry is stopping');
    }
    this.#heartbeat.stop();
  }

  subscribed(viewer: Viewer, cameras: readonly CameraId[] | null, since: Since | null): void {
    // Followed at once, so that nothing is missed while the present state is looked up.
    const room = cameras === null ? (viewer.following.everything(), true) : viewer.following.add(cameras);
    if (!room) {
      viewer.error(new HttpError('TOO_MANY', 'cameraIds: too many cameras are followed', { field: 'cameraIds' }));
      return;
    }
    this.#followers.clear();
    const sendPresent = (): void => void this.#present.send(viewer, cameras, this.#published);
    if (since === null) {
      sendPresent();
      return;
    }
    viewer.held = this.#through ?? 0;
    const { clock, limits, basePath = '' } = this.#options;
    void resume({
      viewer,
      cameras,
      since,
      recall: this.#recall,
      clock,
      alertsBackMs: limits.alertsBackMs,
      basePath,
      place: () => this.place(),
      isHere: () => this.#viewers.has(viewer),
      onLive: sendPresent,
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
    const followers = [...this.#viewers].filter(({ following }) => following.has(camera));
    if (this.#followers.size >= MAX_NAMED) this.#followers.clear();
    this.#followers.set(camera, followers);
    return followers;
  }

  #advance({ seq, through }: FeedSequence): void {
    if (this.#epoch !== null && this.#through === null) this.#recall.begin(this.#epoch, seq - 1);
    this.#through = Math.max(through, this.#through ?? 0);
  }

  #placeOf(seq: number | null): FeedPlace | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, seq: seq ?? 0 };
  }

  #gap(
    from: FeedPlace | null,
    to: FeedPlace | null,
    reason: GapReason,
    place: FeedPlace | null,
    alertsSince: number | null,
    missed: number | null = null,
  ): void {
    const text = gapText({ from, to, reason, missed, alertsSince, basePath: this.#options.basePath ?? '' }, place);
    for (const viewer of this.#viewers) {
      this.#counts.gaps += 1;
      viewer.alert(text);
    }
  }
}
