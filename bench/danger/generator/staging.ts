/** Has one event of a kind happen in view, among traffic that goes on around it. */
import type { EventKind } from '../../../src/messages/scene-constants.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import type { Chance } from './chance.ts';
import { Path } from './path.ts';
import { after, blindUntil, brakeTo, hold, inTurn, notice, stopAt } from './orders.ts';
import { poseOf, type Traffic, type Vehicle } from './traffic.ts';
import type { Route, Stage, World } from './world.types.ts';

/** Called before each step until it says that all is arranged. */
export type Staging = (traffic: Traffic) => boolean;

/** Braking in an emergency, m/s². */
const HARD = 7.8;
/** Of a car that runs into another, m/s². */
const IMPACT = 35;
/** A pedestrian who comes to the kerb and on, m, m/s; and from the first step to the lane, s. */
const RUN_UP_METRES = 5;
const RUN_SPEED = 1.8;
const RUN_UP_SECONDS = RUN_UP_METRES / RUN_SPEED + 2.4;
const KMH = 3.6;

/** Null when the kind can't happen in the world. `from`: not before that second. */
export function stagingOf(kind: EventKind, world: World, chance: Chance, from: number): Staging | null {
  const stage = world.stage;
  switch (kind) {
    case 'hard-braking':
      return whenPassing(stage, from, 25, (vehicle) => {
        vehicle.order = inTurn([brakeTo(0.5, HARD), hold(chance.between(1, 3))]);
      });
    case 'near-miss':
      return closely(stage, from, (leader, follower) => {
        leader.order = inTurn([after(1, brakeTo(0, HARD)), hold(4)]);
        follower.order = inTurn([blindUntil(1.15), brakeTo(0, 8.6), hold(5)]);
      });
    case 'collision':
      return closely(stage, from, (leader, follower) => {
        leader.order = inTurn([after(1, brakeTo(0, HARD)), hold(30)]);
        follower.order = inTurn([blindUntil(0), brakeTo(0, IMPACT), hold(30)]);
      });
    case 'near-miss-person':
      return stepOut(world, from);
    case 'person-on-road':
      return walkOn(world, from);
    case 'wrong-way':
      return wrongWay(world, from);
    case 'stopped-vehicle':
      return whenPassing(stage, from, 30, (vehicle) => (vehicle.order = stopAt(stage.at, chance.between(18, 26))));
    case 'illegal-stop': {
      const place = world.illegalStop;
      return place === undefined
        ? null
        : whenPassing(place, from, 30, (vehicle) => (vehicle.order = stopAt(place.at, chance.between(17, 24))));
    }
    case 'shoulder-use':
      return world.shoulder === undefined
        ? null
        : spawn(world.shoulder, from, 0, (route) => ({ speed: route.speed, wanted: route.speed }));
    case 'speeding':
      return spawn(routeOfStage(world, stage), from, 9, (route) => ({
        speed: route.speed * 1.55,
        wanted: route.speed * 1.6,
        class: 'car',
      }));
    case 'tailgating':
      return tailgate(world, from);
    case 'queue':
      return queue(world, from);
    case 'u-turn': {
      const turn = world.uTurn;
      return turn === undefined
        ? null
        : spawn(turn.route, from, 4, (route) => ({
            speed: route.speed * 0.8,
            wanted: route.speed * 0.8,
            class: 'car',
            left: 0,
          }));
    }
  }
}

const routeOfStage = ({ routes }: World, { routeId }: Stage): Route => {
  const route = routes.find(({ id }) => id === routeId);
  if (route === undefined) throw new RangeError(`there is no route ${routeId}`);
  return route;
};

/** The first vehicle that comes to the stage with so many metres free behind it. */
function whenPassing({ routeId, at }: Stage, from: number, before: number, act: (vehicle: Vehicle) => void): Staging {
  return (traffic) => {
    if (traffic.now < from) return false;
    const found = traffic.vehicles.find(
      (vehicle) =>
        vehicle.route.id === routeId &&
        vehicle.along > at - before - 12 &&
        vehicle.along < at - before &&
        vehicle.speed > 7 &&
        vehicle.class !== 'bicycle' &&
        vehicle.order === null,
    );
    if (found === undefined) return false;
    const [leader, follower] = [traffic.leaderOf(found), followerOf(found, traffic)];
    if (leader !== null && leader.gap < 20) return false;
    if (follower !== null && follower.gap < 1.4 * follower.vehicle.speed + 4) return false;
    act(found);
    return true;
  };
}

function followerOf(vehicle: Vehicle, traffic: Traffic): { readonly vehicle: Vehicle; readonly gap: number } | null {
  for (const other of traffic.vehicles) {
    const leader = traffic.leaderOf(other);
    if (leader?.vehicle === vehicle) return { vehicle: other, gap: leader.gap };
  }
  return null;
}

/** Two cars, one soon after the other, with nobody near. */
function closely(stage: Stage, from: number, act: (leader: Vehicle, follower: Vehicle) => void): Staging {
  let pair: readonly [Vehicle, Vehicle] | null = null;
  return (traffic) => {
    if (traffic.now < from) return false;
    if (pair === null) {
      pair = platoon(traffic, stage, 1.1);
      return false;
    }
    if (pair[0].along < stage.at - 30) return false;
    act(...pair);
    return true;
  };
}

/** Puts two cars on the route of the stage when its begin is free; the second `headway` s behind. */
function platoon(traffic: Traffic, stage: Stage, headway: number): readonly [Vehicle, Vehicle] | null {
  const route = routeOfStage(traffic.world, stage);
  traffic.block(route.id, traffic.now + 12);
  if (traffic.vehicles.some((vehicle) => isNearBegin(vehicle, route, 110))) return null;
  const speed = route.speed * 0.9;
  const common = { class: 'car', speed, wanted: speed, left: 0 } as const;
  const leader = traffic.add(route, { ...common, along: 20 });
  const follower = traffic.add(route, {
    ...common,
    along: 20 - leader.size.length - headway * speed,
    headway: headway * 0.8,
  });
  return [leader, follower];
}

const isNearBegin = ({ route, along }: Vehicle, other: Route, metres: number): boolean =>
  route.legs[0]?.segmentId === other.legs[0]?.segmentId && along < metres;

/** Someone steps on the road just before a car, which brakes hard. */
function stepOut(world: World, from: number): Staging {
  const [a, b] = world.kerbs;
  // From beside the road nearly to the other lane, and back.
  const beside: Metres = [a[0], a[1] - Math.sign(b[1] - a[1]) * RUN_UP_METRES];
  const walk = { path: new Path([beside, [a[0], (a[1] + b[1]) / 2 - 0.6], beside]), perHour: 0 };
  const at = world.stage.at + (a[0] - stageX(world));
  return (traffic) => {
    if (traffic.now < from) return false;
    const found = traffic.vehicles.find(({ route, along, speed, order, class: kind }) => {
      const ahead = at - along;
      const isHere = route.id === world.stage.routeId && speed > 8 && order === null && kind !== 'bicycle';
      return isHere && ahead > speed * RUN_UP_SECONDS && ahead < speed * RUN_UP_SECONDS + 4;
    });
    if (found === undefined) return false;
    // Quick enough to be before the car when that is still a second away.
    traffic.addWalker(walk, RUN_SPEED);
    found.order = inTurn([notice(1.2), brakeTo(0.3, 7.8), hold(3)]);
    return true;
  };
}

const stageX = (world: World): number => {
  const { routeId, at } = world.stage;
  return routeOfStage(world, { routeId, at }).path.at(at).place[0];
};

/** Someone walks along the road, between the lanes, when nobody comes. */
function walkOn(world: World, from: number): Staging {
  const [[x, y], [, far]] = world.kerbs;
  const middle = (y + far) / 2;
  const walk = {
    path: new Path([
      [x, y],
      [x, middle],
      [x - 9, middle],
      [x - 9, far],
    ]),
    perHour: 0,
  };
  return (traffic) => {
    if (traffic.now < from) return false;
    for (const { id } of world.routes) traffic.block(id, traffic.now + 6);
    const isFree = traffic.vehicles.every(
      (vehicle) => Math.hypot(poseOf(vehicle).place[0] - x, poseOf(vehicle).place[1] - middle) > 45,
    );
    if (isFree) traffic.addWalker(walk, 1.4);
    return isFree;
  };
}

/** Against the traffic of the stage's lane, which is kept free. */
function wrongWay(world: World, from: number): Staging {
  const lane = routeOfStage(world, world.stage);
  const path = lane.path.reversed();
  const route: Route = {
    ...lane,
    id: 'wrong-way',
    path,
    legs: [{ segmentId: 'wrong-way', from: 0, segmentFrom: 0, length: path.length }],
    gates: [],
    bends: [],
  };
  return (traffic) => {
    if (traffic.now < from) return false;
    const last = lane.legs.at(-1)?.segmentId;
    for (const { id, legs } of world.routes) if (legs.at(-1)?.segmentId === last) traffic.block(id, traffic.now + 20);
    if (traffic.vehicles.some((vehicle) => vehicle.route.legs.at(-1)?.segmentId === last)) return false;
    traffic.add(route, { speed: lane.speed * 0.8, wanted: lane.speed * 0.8, class: 'car', left: 0 });
    return true;
  };
}

/** A vehicle of its own, when the begin of its route has been free for so many seconds. */
function spawn(
  route: Route,
  from: number,
  seconds: number,
  over: (route: Route) => Partial<Vehicle> & { speed: number },
): Staging {
  return (traffic) => {
    if (traffic.now < from - seconds) return false;
    for (const other of traffic.world.routes) {
      if (other.legs[0]?.segmentId === route.legs[0]?.segmentId) traffic.block(other.id, traffic.now + 3);
    }
    if (traffic.now < from || traffic.vehicles.some((vehicle) => isNearBegin(vehicle, route, 90))) return false;
    traffic.add(route, over(route));
    return true;
  };
}

/** One drives 0.5 s behind another. */
function tailgate(world: World, from: number): Staging {
  return (traffic) => {
    if (traffic.now < from) return false;
    const pair = platoon(traffic, world.stage, 0.5);
    if (pair === null) return false;
    pair[1].order = (vehicle) => {
      const leader = traffic.leaderOf(vehicle);
      if (leader === null) return null;
      const wish = Math.max(2, vehicle.speed * 0.5);
      return Math.max(-4, Math.min(2, 0.8 * (leader.vehicle.speed - vehicle.speed) + 0.3 * (leader.gap - wish)));
    };
    return true;
  };
}

/** Dense traffic before one who stands. */
function queue(world: World, from: number): Staging {
  const lane = routeOfStage(world, world.stage);
  const at = Math.min(lane.path.length - 20, world.stage.at + 12);
  let added = 0;
  let nextAt = from;
  return (traffic) => {
    if (traffic.now < nextAt) return false;
    const isFree = !traffic.vehicles.some((vehicle) => isNearBegin(vehicle, lane, 24));
    if (!isFree) return false;
    const speed = Math.min(lane.speed * 0.7, 40 / KMH);
    const vehicle = traffic.add(lane, { speed, wanted: speed, class: 'car', left: 0 });
    if (added === 0) vehicle.order = stopAt(at, 55);
    added += 1;
    nextAt = traffic.now + 2.2;
    return added >= 9;
  };
}
