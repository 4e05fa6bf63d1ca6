import type { FeedPlace, GapReason } from '../../messages/feed.ts';
import type { CameraId } from '../../messages/ids.ts';
import { sleep, type Clock } from '../../runtime/clock.ts';
import { gapText } from './feed-protocol.ts';
import type { FoundAlerts, Recall } from './recall.ts';
import type { Since, Viewer } from './viewer.ts';

/** Sent at once; more follows when the viewer has taken it. */
const CHUNK_BYTES = 256 * 1024;
const AGAIN_MS = 1_000;

export interface ResumeOptions {
  readonly viewer: Viewer;
  /** Null: every camera it follows. */
  readonly cameras: readonly CameraId[] | null;
  readonly since: Since;
  readonly recall: Recall;
  readonly clock: Clock;
  readonly alertsBackMs: number;
  readonly basePath: string;
  /** Where the feed is now; null while that is not known. */
  readonly place: () => FeedPlace | null;
  /** Asked after every wait: the viewer is still there. */
  readonly isHere: () => boolean;
  /** Called in the same step in which the viewer begins to get what happens. */
  readonly onLive: () => void;
  readonly counts: { gaps: number; replayed: number };
}

/**
 * Sends a held viewer the alerts it missed, oldest first and never more than it takes, and lets it go on live. What
 * cannot be read now is tried again while the viewer stays; it gets what happens meanwhile, without places: should it
 * leave, it comes back for all that it missed. Never rejects.
 */
export async function resume(options: ResumeOptions): Promise<void> {
  const { viewer, recall, clock } = options;
  const heldAt = viewer.held ?? 0;
  const first = await attempt(options);
  if (!options.isHere()) return;
  if (canReplay(first)) {
    await replay(options, first, heldAt, null, () => {
      if (first.reason !== null) tell(options, first);
      viewer.held = null;
      options.onLive();
    });
    return;
  }
  // Live from here on; what is owed comes when it can be read.
  const liveFrom = recall.log.after === null ? null : (options.place()?.seq ?? null);
  tell(options, first);
  viewer.owed = true;
  viewer.held = null;
  options.onLive();
  for (;;) {
    await sleep(clock, AGAIN_MS);
    const again = options.isHere() ? await attempt(options) : first;
    if (!options.isHere()) return;
    if (!canReplay(again)) continue;
    await replay(options, again, heldAt, liveFrom, () => {
      viewer.owed = false;
      if (again.reason !== null) tell(options, again);
    });
    return;
  }
}

interface Attempt {
  /** Why the log alone is not enough; null when it is. */
  readonly reason: GapReason | null;
  /** What the history has instead; null when it cannot be read. */
  readonly found: FoundAlerts | null;
}

const canReplay = ({ reason, found }: Attempt): boolean => reason === null || found !== null;

async function attempt({ since, recall, clock, alertsBackMs }: ResumeOptions): Promise<Attempt> {
  const reason = since.place === null ? 'too_old' : await recall.reach(since.place);
  if (reason === null || reason === 'unreachable') return { reason, found: null };
  const found = await recall.alertsSince(since.time ?? clock.now() - alertsBackMs).catch(() => null);
  return { reason, found };
}

/**
 * @param until alerts of the log after it were sent live; null when none was
 * @param done called, unless the viewer has gone, in the same step in which nothing was left: nothing comes in between
 */
async function replay(
  options: ResumeOptions,
  { reason, found }: Attempt,
  heldAt: number,
  until: number | null,
  done: () => void,
): Promise<void> {
  const { viewer, cameras, since, recall, counts } = options;
  const asked = cameras === null ? null : new Set(cameras);
  const wants = (camera: CameraId): boolean => viewer.following.has(camera) && (asked === null || asked.has(camera));
  const sent = new Set<string>();
  let bytes = 0;
  for (const { camera, requestId, message } of found?.alerts ?? []) {
    if (!wants(camera)) continue;
    if (bytes > CHUNK_BYTES) {
      bytes = 0;
      await viewer.outbox.drained();
      if (!options.isHere()) return;
    }
    viewer.outbox.alert(message);
    sent.add(requestId);
    bytes += message.frame.byteLength;
    counts.replayed += 1;
  }
  const from = reason === null ? (since.place?.seq ?? 0) : 0;
  for (let cursor = reason === null ? Math.min(from, heldAt) : 0; ;) {
    await viewer.outbox.drained();
    if (!options.isHere()) return;
    const chunk = recall.log.next(cursor, CHUNK_BYTES);
    const last = chunk.at(-1);
    if (last === undefined || (until !== null && cursor >= until)) {
      done();
      return;
    }
    for (const { seq, camera, requestId, at, message } of chunk) {
      if (until !== null && seq > until) break;
      // Cameras followed before, which were held as well, go on where they were.
      const missed = wants(camera)
        ? seq > from && (found === null || at >= found.since)
        : viewer.following.has(camera) && seq > heldAt;
      if (!missed || sent.has(requestId)) continue;
      viewer.outbox.alert(message);
      counts.replayed += 1;
    }
    cursor = last.seq;
  }
}

function tell({ viewer, since, place, counts, basePath }: ResumeOptions, { reason, found }: Attempt): void {
  const now = place();
  counts.gaps += 1;
  const missed =
    now === null || since.place === null || since.place.epoch !== now.epoch
      ? null
      : Math.max(0, now.seq - since.place.seq);
  const complete = found !== null;
  const to = complete ? now : null;
  const alertsSince = found?.since ?? null;
  viewer.alert(gapText({ from: since.place, to, reason: reason ?? 'too_old', missed, alertsSince, basePath }, to));
}
