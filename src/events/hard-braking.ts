import type { EventFinder, Finding } from './events.types.ts';
import { hardestBraking } from './braking.ts';
import { blindTime, looksWithin, WINDOW_MS } from './paths.ts';

/** How sure it must be that the deceleration was above the threshold. */
const SURE = 0.6;
/** The fit evens the braking out with what is before and after it; ordinary braking is still well below. */
const ALLOWANCE = 0.85;
/** The same while the incident is open. */
const ALLOWANCE_TO_GO_ON = 0.75;
/** Harder than this is a crash at least, or an error, m/s². */
const POSSIBLE = 14;
/** A smaller loss of speed is a touch of the brake at most, km/h. */
const LEAST_LOSS_KMH = 15;
/** Pictures in which it is seen meanwhile: between two of them it may have become another vehicle. */
const LEAST_LOOKS = 3;
/**
 * Between the looks before and after it begins, at most, ms: else it may have begun earlier, and less hard. A regular
 * frame a second is enough, as the fit weighs all beginnings between two.
 */
const BLIND_MS = 1_050;
/** The times of begin and end are not sharper, ms. */
const SLACK_MS = 100;
/** From here on the vehicle is near the end of its tyres' grip, m/s². */
const VERY_HARD = 7;

/**
 * `hard-braking`: a vehicle slows down by more than `minDecelerationMps2` (m/s²) for more than `minSeconds`. Ordinary
 * braking stays under 3.5 m/s² (AASHTO, A Policy on Geometric Design 2018: comfortable for 90 % of drivers). Measured
 * by a fit to the observed places, see `hardestBraking`: second differences of boxes are mostly noise.
 */
export const findHardBraking: EventFinder = (view) => {
  const { tracks, thresholds, at } = view;
  const limits = thresholds['hard-braking'];
  if (!limits.enabled) return [];
  return tracks.flatMap((track): Finding[] => {
    if (track.kind === 'person' || !track.confirmed || track.seenAt < at - WINDOW_MS) return [];
    const allowance = view.isOpen('hard-braking', [track.trackId]) ? ALLOWANCE_TO_GO_ON : ALLOWANCE;
    const braking = hardestBraking(track, view, limits.minDecelerationMps2 * allowance);
    if (braking === null || braking.deceleration > POSSIBLE) return [];
    const { from, to, deceleration, fromSpeed, toSpeed, probability } = braking;
    if (probability < SURE) return [];
    if ((fromSpeed - toSpeed) * 3.6 < LEAST_LOSS_KMH || to - from < limits.minSeconds * 1000) return [];
    if (blindTime(track, from) > BLIND_MS) return [];
    if (looksWithin(track, from - SLACK_MS, to + SLACK_MS) < LEAST_LOOKS) return [];
    return [
      {
        kind: 'hard-braking',
        trackIds: [track.trackId],
        onset: Math.round(from),
        endedAt: to < at - 1000 ? Math.round(to) : null,
        zone: null,
        evidence: { decelerationMps2: deceleration, speedKmh: fromSpeed * 3.6 },
        severity: deceleration > VERY_HARD ? 'medium' : 'low',
      },
    ];
  });
};
