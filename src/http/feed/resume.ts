/**
 * Recovery: how a viewer that subscribes with an offset (`since`) gets the alerts it missed.
 *
 * ```
 *        subscribe with since                all missed alerts sent
 *  live ──────────────────────> replaying ─────────────────────────────> live
 *                                   │                                      ^
 *                                   │ missed alerts cannot be read         │ read at last, and sent
 *                                   └──────> live-without-offsets ─────────┘
 * ```
 *
 * - `replaying`: the viewer gets missed alerts only, oldest first and no faster than it reads. Live alerts wait in the
 *   log, where the replay reaches them; the newest frames wait in the snapshot, sent when the viewer goes live.
 * - `live-without-offsets`: NATS cannot be read now. The viewer gets live messages while the read is retried each
 *   second. An offset promises that every alert up to it was sent, so these messages carry none: a viewer that leaves
 *   now returns with its old offset and misses nothing.
 *
 * Missed alerts come from the log, extended from the stream AGGREGATES where necessary. When the offset is unusable
 * (too old, of another stream, too far back), they come from the alert history by time, and the viewer gets a
 * `gap` message.
 *
 * When the stream itself is lost, the feed disconnects every viewer that is not `live`; it returns with its old offset.
 */
import type { FeedPlace, GapReason } from '../../messages/feed.ts';
import type { CameraId, RequestId } from '../../messages/ids.ts';
import { sleep, type Clock } from '../../runtime/clock.ts';
import type { LoggedAlert } from './alert-log.ts';
import { gapMessage } from './feed-protocol.ts';
import type { MissedAlerts } from './missed-alerts.ts';
import type { Since, Viewer } from './viewer.ts';

/** Bytes sent at once; more follow when the viewer has read them. */
const CHUNK_BYTES = 256 * 1024;
const RETRY_MS = 1_000;

export interface ResumeOptions {
  readonly viewer: Viewer;
  /** Null: every camera it follows. */
  readonly cameras: readonly CameraId[] | null;
  readonly since: Since;
  /** Sequence up to which the viewer got live messages, before its mode became `replaying`. */
  readonly pausedAt: number;
  readonly missedAlerts: MissedAlerts;
  readonly clock: Clock;
  readonly alertsBackMs: number;
  readonly basePath: string;
  /** The feed's current place; null while unknown. */
  readonly place: () => FeedPlace | null;
  /** Asked after every wait: whether the viewer is still connected. */
  readonly isHere: () => boolean;
  /** Called in the same step in which the viewer begins to get live messages. */
  readonly onLive: () => void;
  readonly counts: { gaps: number; replayed: number };
}

/** Where missed alerts can be read: in the log after `afterSeq`, or in the history, with newer ones in the log. */
type Readable =
  | { readonly source: 'log'; readonly afterSeq: number }
  | {
      readonly source: 'history';
      readonly reason: GapReason;
      readonly alerts: readonly LoggedAlert[];
      /** They are complete from this time on, epoch ms. */
      readonly since: number;
    };
type Found = Readable | { readonly source: 'unreadable'; readonly reason: GapReason };

/** Resumes a viewer in mode `replaying`, by the protocol above. Resolves when it is live or gone. Never rejects. */
export async function resume(options: ResumeOptions): Promise<void> {
  const { viewer, missedAlerts, isHere, onLive } = options;
  const found = await findMissed(options);
  if (!isHere()) return;
  if (found.source !== 'unreadable') {
    await replay(options, found, null, () => {
      goLive(options, found);
      onLive();
    });
    return;
  }
  const liveAfter = missedAlerts.log.after === null ? null : (options.place()?.seq ?? null);
  tellGap(options, found.reason, null);
  viewer.mode = 'live-without-offsets';
  onLive();
  const later = await retryUntilReadable(options);
  if (later !== null) await replay(options, later, liveAfter, () => goLive(options, later));
}

function goLive(options: ResumeOptions, replayed: Readable): void {
  options.viewer.mode = 'live';
  if (replayed.source === 'history') tellGap(options, replayed.reason, replayed.since);
}

async function findMissed({ since, missedAlerts, clock, alertsBackMs }: ResumeOptions): Promise<Found> {
  const { place, time } = since;
  const reason = place === null ? 'too_old' : await missedAlerts.extendLogTo(place);
  if (place !== null && reason === null) return { source: 'log', afterSeq: place.seq };
  if (reason === null || reason === 'unreachable') return { source: 'unreadable', reason: 'unreachable' };
  const found = await missedAlerts.alertsSince(time ?? clock.now() - alertsBackMs).catch(() => null);
  return found === null ? { source: 'unreadable', reason } : { source: 'history', reason, ...found };
}

/** Null when the viewer left. */
async function retryUntilReadable(options: ResumeOptions): Promise<Readable | null> {
  for (;;) {
    await sleep(options.clock, RETRY_MS);
    if (!options.isHere()) return null;
    const found = await findMissed(options);
    if (!options.isHere()) return null;
    if (found.source !== 'unreadable') return found;
  }
}

/**
 * Sends missed alerts, first those of the history, then those of the log.
 *
 * @param liveAfter alerts of the log after this sequence were sent live; null when none was
 * @param done called, unless the viewer left, in the step that finds nothing left to send, so that no alert slips in
 */
async function replay(
  options: ResumeOptions,
  missed: Readable,
  liveAfter: number | null,
  done: () => void,
): Promise<void> {
  const sent = missed.source === 'history' ? await sendHistory(options, missed.alerts) : new Set<RequestId>();
  if (sent !== null) await sendLog(options, missed, sent, liveAfter, done);
}

/** Ids of the alerts sent; null when the viewer left. */
async function sendHistory(
  options: ResumeOptions,
  alerts: readonly LoggedAlert[],
): Promise<ReadonlySet<RequestId> | null> {
  const { viewer, counts } = options;
  const wants = wanted(options);
  const sent = new Set<RequestId>();
  let bytes = 0;
  for (const { camera, requestId, message } of alerts) {
    if (!wants(camera)) continue;
    if (bytes > CHUNK_BYTES) {
      bytes = 0;
      await viewer.outbox.drained();
      if (!options.isHere()) return null;
    }
    viewer.outbox.alert(message);
    sent.add(requestId);
    bytes += message.frame.byteLength;
    counts.replayed += 1;
  }
  return sent;
}

async function sendLog(
  options: ResumeOptions,
  missed: Readable,
  sent: ReadonlySet<RequestId>,
  liveAfter: number | null,
  done: () => void,
): Promise<void> {
  const { viewer, missedAlerts, pausedAt, counts } = options;
  const wants = wanted(options);
  const isMissed = ({ seq, camera, at }: LoggedAlert): boolean => {
    // Cameras it followed before were paused as well: they resume where they stopped.
    if (!wants(camera)) return viewer.follows(camera) && seq > pausedAt;
    return missed.source === 'log' ? seq > missed.afterSeq : at >= missed.since;
  };
  let cursor = missed.source === 'log' ? Math.min(missed.afterSeq, pausedAt) : 0;
  for (;;) {
    await viewer.outbox.drained();
    if (!options.isHere()) return;
    const chunk = missedAlerts.log.next(cursor, CHUNK_BYTES);
    const last = chunk.at(-1);
    if (last === undefined || (liveAfter !== null && cursor >= liveAfter)) {
      done();
      return;
    }
    for (const alert of chunk) {
      if (liveAfter !== null && alert.seq > liveAfter) break;
      if (!isMissed(alert) || sent.has(alert.requestId)) continue;
      viewer.outbox.alert(alert.message);
      counts.replayed += 1;
    }
    cursor = last.seq;
  }
}

/** Whether missed alerts of a camera are wanted: it was asked for, and is still followed. */
function wanted({ viewer, cameras }: ResumeOptions): (camera: CameraId) => boolean {
  const asked = cameras === null ? null : new Set(cameras);
  return (camera) => viewer.follows(camera) && (asked === null || asked.has(camera));
}

/** @param alertsSince every alert since this time was sent, epoch ms; null when alerts may be missing */
function tellGap(options: ResumeOptions, reason: GapReason, alertsSince: number | null): void {
  const { viewer, counts, basePath } = options;
  const from = options.since.place;
  const now = options.place();
  // The messages of all cameras are counted.
  const isUnknown = now === null || viewer.principal.groups !== null;
  const missed = isUnknown || from === null || from.epoch !== now.epoch ? null : Math.max(0, now.seq - from.seq);
  const to = alertsSince === null ? null : now;
  counts.gaps += 1;
  viewer.alert(gapMessage({ from, to, reason, missed, alertsSince, basePath }, to));
}
