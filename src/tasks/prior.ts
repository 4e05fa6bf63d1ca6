import type { GroupFeatures } from '../messages/detection.ts';
import type { DangerKind, Prior } from '../messages/task.ts';

/** Width of the frame that the lengths and speeds below are for; they scale with the width. */
const REFERENCE_WIDTH = 1280;
/** Gap (px) from which on a person is not near a vehicle. */
const FAR_PX = 120;
/** Speed (px/s) that counts as fast. */
const FAST_PX_S = 150;
/** Speed of approach (px/s) that counts as fast: most of a fast vehicle's speed goes towards the other. */
const FAST_CLOSING_PX_S = 120;
const DENSE_VEHICLES = 6;
/**
 * A group whose speeds are not known yet may be anything. More than it is likely: a danger that is there from the first
 * frame has no other hint, and the frames without speeds are few.
 */
const NEWLY_SEEN = 0.15;

/**
 * How likely the group is in danger, from its measured features. Each hint is a probability of its own, and they
 * combine as independent causes do (noisy-or, Pearl 1988). Pure.
 */
export function priorOf(features: GroupFeatures, imageWidth: number): Prior {
  const hints = hintsIn(features, imageWidth / REFERENCE_WIDTH)
    .filter(([, chance]) => chance > 0)
    .toSorted(([, a], [, b]) => b - a);
  const safe = hints.reduce((product, [, chance]) => product * (1 - chance), 1);
  return { value: Math.round((1 - safe) * 1_000) / 1_000, reasons: hints.map(([kind]) => kind) };
}

function hintsIn(features: GroupFeatures, scale: number): (readonly [DangerKind, number])[] {
  const { minPersonVehicleDistance, maxSpeed, maxClosingSpeed, personCount, vehicleCount } = features;
  const speed = share((maxSpeed ?? 0) / (FAST_PX_S * scale));
  const closing = share((maxClosingSpeed ?? 0) / (FAST_CLOSING_PX_S * scale));
  const near = minPersonVehicleDistance === null ? 0 : share(1 - minPersonVehicleDistance / (FAR_PX * scale));
  return [
    ['person-near-vehicle', 0.2 * near * (0.4 + 0.6 * speed)],
    ['vehicle-closing-on-person', personCount > 0 && vehicleCount > 0 ? 0.8 * closing * near : 0],
    // By the square: vehicles that follow or pass each other approach slowly all the time.
    ['vehicles-closing', vehicleCount > 1 ? 0.6 * closing ** 2 : 0],
    // Fast traffic is mostly just traffic.
    ['fast-vehicle', vehicleCount > 0 ? 0.05 * speed : 0],
    ['persons-and-vehicles', personCount > 0 && vehicleCount > 0 ? 0.02 : 0],
    ['dense-traffic', vehicleCount >= DENSE_VEHICLES ? 0.03 : 0],
    ['newly-seen', maxSpeed === null ? NEWLY_SEEN : 0],
  ];
}

const share = (value: number): number => Math.min(1, Math.max(0, value));
