import type { EventKind } from '../messages/scene-constants.ts';
import type { Finding } from '../events/events.types.ts';
import type { Metres } from '../scene/scene.types.ts';
import type { RoadTrack } from '../tracking/tracking.types.ts';

/** Two road users make these: with another partner it is another incident. */
const PAIRS: ReadonlySet<EventKind> = new Set(['collision', 'near-miss', 'near-miss-person', 'tailgating']);
/** Conflicts of one road user that begin within so many ms are one happening. */
const TOGETHER_MS = 1_000;
/** A road user who was lost for up to so many ms and found again as another track goes on with its incident. */
const LOST_MS = 10_000;
/** How far from its predicted place it may be found, m; and so much more for each metre that it may have gone. */
const FOUND_WITHIN_METRES = 4;
const FOUND_WITHIN_SHARE = 0.4;

/** A road user's last moment that was seen. */
export interface LastSeen {
  /** Epoch ms. */
  readonly at: number;
  readonly place: Metres;
  /** m/s */
  readonly velocity: Metres;
}

export interface Happening {
  readonly kind: EventKind;
  readonly trackIds: readonly number[];
  /** Epoch ms. */
  readonly onset: number;
  /** Members that were seen, by track. */
  readonly lastSeen: ReadonlyMap<number, LastSeen>;
}

/**
 * True when the finding is about the happening's road users: one of them is the same, or was lost and found again.
 * Pairs must agree in both, or begin together.
 */
export function sameUsers(
  happening: Happening,
  finding: Finding,
  trackOf: (trackId: number) => RoadTrack | undefined,
): boolean {
  const shared = finding.trackIds.filter(
    (trackId) => happening.trackIds.includes(trackId) || isFoundAgain(happening, trackOf(trackId), finding),
  ).length;
  if (shared === 0) return false;
  if (!PAIRS.has(finding.kind)) return true;
  if (shared >= Math.min(finding.trackIds.length, happening.trackIds.length)) return true;
  return Math.abs(finding.onset - happening.onset) <= TOGETHER_MS;
}

/** True when the track begins where a member of the happening, seen no more, must have gone. */
function isFoundAgain({ lastSeen, trackIds }: Happening, track: RoadTrack | undefined, finding: Finding): boolean {
  const first = track?.history[0];
  if (track === undefined || first === undefined) return false;
  return trackIds.some((trackId) => {
    // Those whom the finding names by themselves are others.
    if (finding.trackIds.includes(trackId)) return false;
    const last = lastSeen.get(trackId);
    if (last === undefined || track.bornAt <= last.at || track.bornAt - last.at > LOST_MS) return false;
    const seconds = (first.at - last.at) / 1_000;
    const [x, y] = [last.place[0] + last.velocity[0] * seconds, last.place[1] + last.velocity[1] * seconds];
    const gone = Math.hypot(...last.velocity) * seconds;
    const off = Math.hypot(first.place[0] - x, first.place[1] - y);
    return off <= FOUND_WITHIN_METRES + FOUND_WITHIN_SHARE * gone;
  });
}
