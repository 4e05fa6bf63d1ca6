import type { EventFinder } from './events.types.ts';
import { isMotor } from './places.ts';
import { stoppedIn } from './standing.ts';

/** From this limit on the road is a fast one. */
const FAST_KMH = 70;

/**
 * A motor vehicle stands (below `maxSpeedKmh`) on a lane for `minSeconds` or longer, neither at a stop line nor behind
 * one that stands, nor in a jam. Evidence: speed (km/h, 0) and the time. The definition is that of a stopped vehicle in
 * a live lane of National Highways' "Stopped vehicle detection".
 */
export const findStoppedVehicles: EventFinder = (view) => {
  const limits = view.thresholds['stopped-vehicle'];
  if (!limits.enabled) return [];
  return view.tracks.flatMap((track) => {
    const stopped = isMotor(track) && track.confirmed ? stoppedIn(track, 'lane', limits, view) : null;
    if (stopped === null) return [];
    const isFast = (stopped.zone.speedLimitKmh ?? 0) >= FAST_KMH;
    return {
      kind: 'stopped-vehicle',
      trackIds: [track.trackId],
      onset: stopped.since,
      endedAt: null,
      zone: stopped.zone.id,
      evidence: { speedKmh: 0 },
      severity: isFast ? 'high' : 'medium',
    };
  });
};
