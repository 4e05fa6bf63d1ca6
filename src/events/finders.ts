import { findCollisions } from './collision.ts';
import type { EventFinder } from './events.types.ts';
import { findHardBraking } from './hard-braking.ts';
import { findIllegalStops } from './illegal-stop.ts';
import { findNearMisses } from './near-miss.ts';
import { findNearMissesOfPersons } from './near-miss-person.ts';
import { findPersonOnRoad } from './person-on-road.ts';
import { findQueues } from './queue.ts';
import { findShoulderUse } from './shoulder-use.ts';
import { findSpeeding } from './speeding.ts';
import { findStoppedVehicles } from './stopped-vehicle.ts';
import { findTailgating } from './tailgating.ts';
import { findUTurns } from './u-turn.ts';
import { findWrongWay } from './wrong-way.ts';

/** One for each kind of event. */
export const FINDERS: readonly EventFinder[] = [
  findCollisions,
  findNearMisses,
  findNearMissesOfPersons,
  findWrongWay,
  findStoppedVehicles,
  findIllegalStops,
  findPersonOnRoad,
  findShoulderUse,
  findSpeeding,
  findTailgating,
  findHardBraking,
  findQueues,
  findUTurns,
];
