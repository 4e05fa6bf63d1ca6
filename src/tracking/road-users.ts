import type { ObjectClass } from '../messages/detection.ts';
import type { Motion } from './motion-filter.ts';
import type { UserKind } from './tracking.types.ts';

/** Null: a fixture. */
export const KIND_OF: Readonly<Record<ObjectClass, UserKind | null>> = {
  person: 'person',
  bicycle: 'two-wheeler',
  motorcycle: 'two-wheeler',
  car: 'vehicle',
  bus: 'vehicle',
  truck: 'vehicle',
  'traffic light': null,
  'stop sign': null,
};

/** Usual braking and pulling away is under 3 m/s², an emergency stop 7 to 9. People change their pace at once. */
export const MOTION: Readonly<Record<UserKind, Motion>> = {
  person: { acceleration: 0.6, seconds: 0.6 },
  'two-wheeler': { acceleration: 2, seconds: 1 },
  vehicle: { acceleration: 2.5, seconds: 1 },
};

/** Speed of one seen for the first time where no lane tells more: standard deviation in each direction, m/s. */
export const UNKNOWN_SPEED: Readonly<Record<UserKind, number>> = { person: 1.3, 'two-wheeler': 5, vehicle: 8 };

/** Under this speed a road user shows no heading, m/s. */
export const SLOW = 1;

/** After a gap longer than this one that stood may have stood all the time, s. */
export const STANDING_GAP = 0.7;

/** Slower than this one may stand, m/s. */
export const STANDING_SPEED: Readonly<Record<UserKind, number>> = { person: 0.4, 'two-wheeler': 0.8, vehicle: 0.8 };
