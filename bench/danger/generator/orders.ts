/** What a staged driver does instead of the usual; an order that gives null is done. */
import { type Order, poseOf } from './traffic.ts';

/** One after the other: an order that gives null is done. */
export function inTurn(orders: readonly Order[]): Order {
  let index = 0;
  return (vehicle, traffic, usual) => {
    for (; index < orders.length; index += 1) {
      const found = orders[index]?.(vehicle, traffic, usual) ?? null;
      if (found !== null) return found;
    }
    vehicle.order = null;
    return null;
  };
}

export const brakeTo =
  (speed: number, by: number): Order =>
  (vehicle) =>
    vehicle.speed > speed + 0.01 ? -by : null;

function timed(seconds: number, order: Order): Order {
  let until: number | null = null;
  return (vehicle, traffic, usual) => {
    until ??= traffic.now + seconds;
    return traffic.now < until ? order(vehicle, traffic, usual) : null;
  };
}

export const hold = (seconds: number): Order => timed(seconds, ({ speed }) => (speed > 0 ? -3 : 0));

export function after(seconds: number, order: Order): Order {
  const wait = timed(seconds, (_, __, usual) => usual);
  return (vehicle, traffic, usual) => wait(vehicle, traffic, usual) ?? order(vehicle, traffic, usual);
}

/** Sees nobody ahead until so many seconds before the collision; 0: until it. */
export const blindUntil =
  (ttc: number): Order =>
  (vehicle, traffic) => {
    const leader = traffic.leaderOf(vehicle);
    if (leader === null) return null;
    const closing = vehicle.speed - leader.vehicle.speed;
    if (leader.gap <= -0.3 || (ttc > 0 && closing > 1 && leader.gap / closing < ttc)) return null;
    return 0;
  };

/** Comes to a stand at a place with ease, and stands. */
export function stopAt(at: number, seconds: number): Order {
  return inTurn([
    (vehicle, _, usual) => {
      const left = at - vehicle.along;
      if (vehicle.speed < 0.2 && left < 8) return null;
      return Math.min(usual, -(vehicle.speed * vehicle.speed) / (2 * Math.max(left, 0.5)));
    },
    hold(seconds),
  ]);
}

/** Goes on until someone on the road ahead is less than so many seconds away. */
export const notice =
  (seconds: number): Order =>
  (vehicle, traffic) => {
    const { place, heading } = poseOf(vehicle);
    const isSeen = traffic.walkers.some(({ walk, along }) => {
      const [x, y] = walk.path.at(along).place;
      const [dx, dy] = [x - place[0], y - place[1]];
      const ahead = dx * Math.cos(heading) + dy * Math.sin(heading) - vehicle.size.length / 2;
      const aside = Math.abs(dy * Math.cos(heading) - dx * Math.sin(heading));
      return ahead > -1 && aside < 1.6 && ahead < vehicle.speed * seconds;
    });
    return isSeen || vehicle.speed < 2 ? null : 0;
  };
