import type { EventFinder } from './events.types.ts';
import { isMotor } from './places.ts';
import { stoppedIn } from './standing.ts';

/**
 * A motor vehicle stands (below `maxSpeedKmh`) in a no-stopping zone for `minSeconds` or longer, neither at a stop line
 * nor behind one that stands, nor in a jam. Evidence: speed (km/h, 0) and the time. Source of the definition: Vienna
 * Convention on Road Traffic (1968), article 23: standing other than for the traffic.
 */
export const findIllegalStops: EventFinder = (view) => {
  const limits = view.thresholds['illegal-stop'];
  if (!limits.enabled) return [];
  return view.tracks.flatMap((track) => {
    const stopped = isMotor(track) && track.confirmed ? stoppedIn(track, 'no-stopping', limits, view) : null;
    if (stopped === null) return [];
    return {
      kind: 'illegal-stop',
      trackIds: [track.trackId],
      onset: stopped.since,
      endedAt: null,
      zone: stopped.zone.id,
      evidence: { speedKmh: 0 },
      severity: 'low',
    };
  });
};
