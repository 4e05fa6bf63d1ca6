import type { ZoneKind } from '../../../src/messages/scene-constants.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import type { Path } from './path.ts';

/** A lane, or a way through a junction. Traffic drives on the right. */
export interface Segment {
  readonly id: string;
  readonly path: Path;
}

/** A part of a route: `from` metres along it begins `segment`, at `segmentFrom` metres of that. */
export interface Leg {
  readonly segmentId: string;
  readonly from: number;
  readonly segmentFrom: number;
  readonly length: number;
}

/** A line before which vehicles wait while it is closed. */
export interface Gate {
  readonly id: string;
  /** Metres along the route. */
  readonly at: number;
}

export interface Route {
  readonly id: string;
  readonly path: Path;
  readonly legs: readonly Leg[];
  readonly gates: readonly Gate[];
  /** Stretches that are driven slowly, in metres along the route, m/s. */
  readonly bends: readonly { readonly from: number; readonly to: number; readonly speed: number }[];
  /** Vehicles an hour. */
  readonly perHour: number;
  /** Usual speed, m/s. */
  readonly speed: number;
  readonly isMajor: boolean;
}

export interface WorldZone {
  readonly id: string;
  readonly kind: ZoneKind;
  readonly polygon: readonly Metres[];
  /** For the direction of a lane or shoulder. */
  readonly path?: Path;
  readonly limitKmh?: number;
}

/** A way of pedestrians. At `kerb` metres they wait until they may cross, and are over at `end`. */
export interface Walk {
  readonly path: Path;
  readonly perHour: number;
  readonly crossing?: { readonly gateId: string; readonly kerb: number; readonly end: number };
}

/** Where an event can be staged: on a route, in view. */
export interface Stage {
  readonly routeId: string;
  readonly at: number;
}

export interface World {
  readonly name: string;
  readonly routes: readonly Route[];
  readonly zones: readonly WorldZone[];
  readonly walks: readonly Walk[];
  readonly limitKmh: number;
  readonly control: 'free' | 'signals' | 'yield';
  readonly stage: Stage;
  readonly illegalStop?: Stage;
  readonly uTurn?: { readonly route: Route; readonly at: number };
  readonly shoulder?: Route;
  /** Sides of the carriageway beside the stage: from where a pedestrian steps on it, and over to. */
  readonly kerbs: readonly [Metres, Metres];
  /** Parked vehicles off the lanes. */
  readonly parked: readonly { readonly place: Metres; readonly heading: number }[];
}
