import { contactOf } from './contact.ts';
import { encountersOf } from './encounters.ts';
import type { EventFinder } from './events.types.ts';
import { laneAt } from './driven-places.ts';

/**
 * `collision`: the footprints of two road users overlap after a relative speed of at least `minRelativeSpeedKmh`, and
 * one of them loses its speed abruptly from then on; or the faster one stands after an approach that no brakes could
 * have ended in time. The overlap alone says little: the noise of boxes makes overlaps all the time in a jam, and one
 * road user covers another in the picture without touching it. Always of high severity.
 */
export const findCollisions: EventFinder = (view) => {
  const limits = view.thresholds.collision;
  if (!limits.enabled) return [];
  return encountersOf(view).flatMap((encounter) => {
    const contact = contactOf(view, encounter, limits.minRelativeSpeedKmh / 3.6);
    if (contact === null) return [];
    const { approach, relativeSpeed, deceleration, neededDeceleration, until } = contact;
    return [
      {
        kind: 'collision' as const,
        trackIds: [encounter.a.track.trackId, encounter.b.track.trackId],
        onset: approach.at,
        endedAt: until < view.at - 1000 ? Math.round(Math.max(approach.at, until)) : null,
        zone: laneAt(view.scene, approach.a.place),
        evidence: {
          ttc: 0,
          distanceM: 0,
          speedKmh: relativeSpeed * 3.6,
          decelerationMps2: deceleration,
          neededDecelerationMps2: neededDeceleration,
        },
        severity: 'high' as const,
      },
    ];
  });
};
