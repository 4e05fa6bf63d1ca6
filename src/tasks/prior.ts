import type { GroupFeatures } from '../messages/detection.ts';
import type { DangerKind, Prior } from '../messages/task.ts';

/** Width of the frame that the lengths and speeds below are for; they scale with the width. */
const REFERENCE_WIDTH = 1280;
/** Gap (px) at which a person is near a vehicle, and at which they nearly touch. */
const NEAR_PX = 60;
/** Speed (px/s) that counts as fast. */
const FAST_PX_S = 150;
const DENSE_VEHICLES = 6;
/** A group whose speeds are not known yet may be anything. */
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
  const closing = share((maxClosingSpeed ?? 0) / (FAST_PX_S * scale));
  const near = minPersonVehicleDistance === null ? 0 : share(1 - minPersonVehicleDistance / (2 * NEAR_PX * scale));
  return [
    ['person-near-vehicle', 0.5 * near * (0.3 + 0.7 * Math.max(speed, closing))],
    ['vehicle-closing-on-person', personCount > 0 && vehicleCount > 0 ? 0.7 * closing * near : 0],
    ['vehicles-closing', vehicleCount > 1 ? 0.4 * closing : 0],
    ['fast-vehicle', vehicleCount > 0 ? 0.15 * speed : 0],
    ['persons-and-vehicles', personCount > 0 && vehicleCount > 0 ? 0.05 : 0],
    ['dense-traffic', vehicleCount >= DENSE_VEHICLES ? 0.03 : 0],
    ['newly-seen', maxSpeed === null ? NEWLY_SEEN : 0],
  ];
}

const share = (value: number): number => Math.min(1, Math.max(0, value));
