/** Road users that move by rules, a step of 0.1 s at a time. */
import type { ObjectClass } from '../../../src/messages/detection.ts';
import type { Chance } from './chance.ts';
import { type Pose, distance } from './path.ts';
import type { Gate, Leg, Route, Walk, World } from './world.types.ts';

export const STEP_SECONDS = 0.1;
/** Intelligent Driver Model (Treiber, Hennecke, Helbing 2000): m/s², m. */
const ACCELERATION = 1.5;
const COMFORTABLE = 2;
const JAM_METRES = 2;
const EXPONENT = 4;
const HARDEST = 9;
/** A closing line is passed when stopping would take more than this, m/s². */
const TOO_HARD = 4;
const BEND_BRAKING = 1.6;
const LOOK_AHEAD_METRES = 120;

/** What a staged driver does instead of `usual` (m/s²); null: the usual. */
export type Order = (vehicle: Vehicle, traffic: Traffic, usual: number) => number | null;

export interface Vehicle {
  readonly id: string;
  readonly class: ObjectClass;
  readonly size: { readonly length: number; readonly width: number; readonly height: number };
  readonly route: Route;
  /** Metres along the route of its middle; to the left of it. */
  along: number;
  readonly left: number;
  /** m/s, m/s² */
  speed: number;
  acceleration: number;
  /** Wanted speed m/s, and headway s. */
  readonly wanted: number;
  readonly headway: number;
  order: Order | null;
}

export interface Walker {
  readonly id: string;
  readonly walk: Walk;
  along: number;
  readonly speed: number;
  /** Walking speed of this step, m/s. */
  moving: number;
  state: 'before' | 'waiting' | 'crossing' | 'after';
}

export class Traffic {
  readonly world: World;
  readonly vehicles: Vehicle[] = [];
  readonly walkers: Walker[] = [];
  readonly #chance: Chance;
  readonly #due = new Map<Route | Walk, number>();
  /** Routes without new vehicles until, s. */
  readonly #blocked = new Map<string, number>();
  #made = 0;
  /** s */
  now: number;

  constructor(world: World, chance: Chance, now: number) {
    this.world = world;
    this.#chance = chance;
    this.now = now;
  }

  /** Lets nobody begin a route until a time. */
  block(routeId: string, until: number): void {
    this.#blocked.set(routeId, until);
  }

  add(route: Route, over: Partial<Vehicle> & Pick<Vehicle, 'speed'>): Vehicle {
    const kind = over.class ?? this.#class(route);
    const vehicle: Vehicle = {
      id: `${kind}-${(this.#made += 1)}`,
      class: kind,
      size: sizeOf(kind, this.#chance),
      route,
      along: 0,
      left: this.#chance.between(-0.25, 0.25),
      acceleration: 0,
      wanted: kind === 'bicycle' ? 5 : route.speed * this.#chance.between(0.85, 1.08),
      headway: this.#chance.between(1.1, 1.9),
      order: null,
      ...over,
    };
    this.vehicles.push(vehicle);
    return vehicle;
  }

  addWalker(walk: Walk, speed = this.#chance.between(1.1, 1.6)): Walker {
    const walker: Walker = {
      id: `person-${(this.#made += 1)}`,
      walk,
      along: 0,
      speed,
      moving: speed,
      state: walk.crossing === undefined ? 'after' : 'before',
    };
    this.walkers.push(walker);
    return walker;
  }

  step(): void {
    for (const route of this.world.routes) this.#spawn(route);
    for (const walk of this.world.walks) {
      if (this.#isDue(walk)) this.addWalker(walk);
    }
    for (const vehicle of this.vehicles) {
      const usual = this.usual(vehicle);
      vehicle.acceleration = vehicle.order?.(vehicle, this, usual) ?? Math.max(-HARDEST, usual);
    }
    for (const vehicle of this.vehicles) advance(vehicle);
    for (const walker of this.walkers) this.#walk(walker);
    this.now += STEP_SECONDS;
    remove(this.vehicles, ({ along, route }) => along > route.path.length);
    remove(this.walkers, ({ along, walk }) => along > walk.path.length);
  }

  /** As a driver would who sees all that is ahead, m/s². */
  usual(vehicle: Vehicle): number {
    const leader = this.leaderOf(vehicle);
    let least = idm(vehicle, vehicle.wanted, leader?.gap ?? Infinity, leader?.vehicle.speed ?? 0);
    for (const { from, to, speed } of vehicle.route.bends) {
      if (vehicle.along > to || vehicle.along < from - LOOK_AHEAD_METRES) continue;
      const ahead = Math.max(0, from - vehicle.along);
      const allowed = Math.sqrt(speed * speed + 2 * BEND_BRAKING * ahead);
      if (vehicle.speed > allowed) least = Math.min(least, -BEND_BRAKING - (vehicle.speed - allowed));
      else if (ahead === 0) least = Math.min(least, idm(vehicle, speed, Infinity, 0));
    }
    for (const gate of vehicle.route.gates) {
      const gap = gate.at - vehicle.along - vehicle.size.length / 2;
      if (gap < -1 || gap > LOOK_AHEAD_METRES || this.#isOpen(gate, vehicle)) continue;
      if ((vehicle.speed * vehicle.speed) / (2 * Math.max(gap, 0.1)) > TOO_HARD) continue;
      least = Math.min(least, idm(vehicle, vehicle.wanted, gap + JAM_METRES - 0.5, 0));
    }
    const person = this.#personAhead(vehicle);
    return person === null ? least : Math.min(least, idm(vehicle, vehicle.wanted, person, 0));
  }

  /** The vehicle in front, and the gap to it in metres. */
  leaderOf(vehicle: Vehicle): { readonly vehicle: Vehicle; readonly gap: number } | null {
    let nearest: Vehicle | null = null;
    let least = LOOK_AHEAD_METRES;
    for (const other of this.vehicles) {
      if (other === vehicle) continue;
      const ahead = aheadOn(vehicle, other);
      if (ahead === null || ahead <= 0 || ahead >= least) continue;
      [nearest, least] = [other, ahead];
    }
    return nearest === null ? null : { vehicle: nearest, gap: least - (vehicle.size.length + nearest.size.length) / 2 };
  }

  #personAhead(vehicle: Vehicle): number | null {
    if (this.walkers.length === 0) return null;
    const { place, heading } = poseOf(vehicle);
    const [c, s] = [Math.cos(heading), Math.sin(heading)];
    let least: number | null = null;
    for (const walker of this.walkers) {
      const at = walker.walk.path.at(walker.along).place;
      const [dx, dy] = [at[0] - place[0], at[1] - place[1]];
      const ahead = dx * c + dy * s - vehicle.size.length / 2;
      const aside = Math.abs(dy * c - dx * s);
      if (ahead > 0 && ahead < 40 && aside < vehicle.size.width / 2 + 0.6) least = Math.min(least ?? Infinity, ahead);
    }
    return least;
  }

  #walk(walker: Walker): void {
    const { crossing } = walker.walk;
    if (crossing !== undefined) {
      if (walker.state === 'before' && walker.along >= crossing.kerb) walker.state = 'waiting';
      if (walker.state === 'waiting' && this.#mayCross(walker)) walker.state = 'crossing';
      if (walker.state === 'crossing' && walker.along >= crossing.end) walker.state = 'after';
    }
    walker.moving = walker.state === 'waiting' ? 0 : walker.speed;
    walker.along += walker.moving * STEP_SECONDS;
  }

  /** On a zebra: when all who come can stop with ease. At signals: in the phase of pedestrians. */
  #mayCross({ walk: { crossing, path } }: Walker): boolean {
    if (crossing === undefined) return true;
    if (this.world.control === 'signals') return signalAt(this.now) === 'walk';
    return this.vehicles.every((vehicle) => {
      const gate = vehicle.route.gates.find(({ id }) => id === crossing.gateId);
      if (gate === undefined) return true;
      const gap = gate.at - vehicle.along - vehicle.size.length / 2;
      if (gap < 0) return distance(poseOf(vehicle).place, path.at(crossing.kerb + 3).place) > 9;
      return vehicle.speed < 0.3 || gap > (vehicle.speed * vehicle.speed) / (2 * COMFORTABLE) + vehicle.speed * 0.6 + 2;
    });
  }

  #isOpen(gate: Gate, vehicle: Vehicle): boolean {
    if (gate.id === 'zebra') return !this.walkers.some(({ state }) => state === 'crossing');
    const arm = gate.id.slice('stop-'.length);
    const isIn = ({ route, along }: Vehicle): boolean => {
      const way = route.legs[1];
      return way !== undefined && along > way.from - 2 && along < way.from + way.length + 3;
    };
    const others = this.vehicles.filter(({ route }) => !route.id.startsWith(`${arm}>`));
    if (this.world.control === 'signals') return signalAt(this.now) === arm && !others.some(isIn);
    if (others.some(isIn)) return false;
    if (gate.at - vehicle.along > 12) return false;
    return others.every(({ route, along, speed }) => {
      const ahead = (route.legs[1]?.from ?? 0) - along;
      return !route.isMajor || ahead < 0 || ahead > Math.max(speed, 5) * (7 + vehicle.size.length / 6);
    });
  }

  #spawn(route: Route): void {
    if ((this.#blocked.get(route.id) ?? -Infinity) > this.now || !this.#isDue(route)) return;
    const segmentId = route.legs[0]?.segmentId;
    const last = this.vehicles
      .filter(({ route: other, along }) => other.legs[0]?.segmentId === segmentId && along < 80)
      .toSorted((a, b) => a.along - b.along)[0];
    const speed = Math.min(route.speed * 0.9, last === undefined ? Infinity : last.speed + 1);
    if (last !== undefined && last.along - last.size.length < 6 + 1.6 * speed) {
      this.#due.set(route, this.now + 1);
      return;
    }
    this.add(route, { speed });
  }

  #isDue(source: Route | Walk): boolean {
    if (source.perHour <= 0) return false;
    const mean = 3_600 / source.perHour;
    const due = this.#due.get(source) ?? this.now + this.#chance.exponential(mean);
    this.#due.set(source, due <= this.now ? this.now + Math.max(1.5, this.#chance.exponential(mean)) : due);
    return due <= this.now;
  }

  #class(route: Route): ObjectClass {
    const isFast = route.speed > 20;
    return this.#chance.pick<ObjectClass>([
      ['car', 82],
      ['truck', 8],
      ['bus', 3],
      ['motorcycle', 4],
      ['bicycle', isFast ? 0 : 2],
    ]);
  }
}

export const poseOf = ({ route, along, left }: Vehicle): Pose => route.path.at(along, left);

/** The arm that has green at a time, pedestrians, or nobody. */
export function signalAt(now: number): string {
  const phases = ['e', 'n', 'w', 's', 'walk'];
  const at = ((now % 70) + 70) % 70;
  const phase = phases[Math.floor(at / 14)] ?? '';
  return at % 14 < (phase === 'walk' ? 5 : 11) ? phase : 'nobody';
}

const legAt = (route: Route, along: number): Leg | undefined => route.legs.findLast(({ from }) => from <= along);

/** Metres along its route from the vehicle to another; null when the other is not on it. */
function aheadOn(vehicle: Vehicle, other: Vehicle): number | null {
  if (other.route === vehicle.route) return other.along - vehicle.along;
  const leg = legAt(other.route, other.along);
  const own = vehicle.route.legs.find(({ segmentId }) => segmentId === leg?.segmentId);
  if (leg === undefined || own === undefined) return null;
  return own.from + (other.along - leg.from) + leg.segmentFrom - own.segmentFrom - vehicle.along;
}

function idm({ speed, headway }: Vehicle, wanted: number, gap: number, leaderSpeed: number): number {
  const free = 1 - Math.pow(speed / Math.max(wanted, 0.1), EXPONENT);
  if (gap === Infinity) return ACCELERATION * Math.max(free, -1.5);
  const closing = (speed * (speed - leaderSpeed)) / (2 * Math.sqrt(ACCELERATION * COMFORTABLE));
  const wish = JAM_METRES + Math.max(0, speed * headway + closing);
  return ACCELERATION * (free - Math.pow(wish / Math.max(gap, 0.3), 2));
}

function advance(vehicle: Vehicle): void {
  const before = vehicle.speed;
  vehicle.speed = Math.max(0, before + vehicle.acceleration * STEP_SECONDS);
  vehicle.along += ((before + vehicle.speed) / 2) * STEP_SECONDS;
}

function remove<T>(from: T[], isGone: (one: T) => boolean): void {
  for (let index = from.length - 1; index >= 0; index -= 1) {
    const one = from[index];
    if (one !== undefined && isGone(one)) from.splice(index, 1);
  }
}

function sizeOf(kind: ObjectClass, chance: Chance): Vehicle['size'] {
  const grown = (length: number, width: number, height: number): Vehicle['size'] => {
    const factor = chance.between(0.93, 1.08);
    return { length: length * factor, width: width * Math.sqrt(factor), height: height * Math.sqrt(factor) };
  };
  if (kind === 'truck') return grown(chance.between(7, 11), 2.45, 3.3);
  if (kind === 'bus') return grown(11.5, 2.5, 3.1);
  if (kind === 'motorcycle') return grown(2.1, 0.8, 1.3);
  if (kind === 'bicycle') return grown(1.75, 0.6, 1.1);
  return grown(4.4, 1.8, 1.5);
}

export const WALKER_SIZE = { length: 0.45, width: 0.55, height: 1.72 };

export const walkerPose = ({ walk, along }: Walker): Pose => walk.path.at(along);
