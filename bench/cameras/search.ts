/** The largest number of cameras that keeps the wanted rate: doubled until it does not, then halved in between. */
import { setTimeout as delay } from 'node:timers/promises';
import type { World } from './world.ts';

const HOLD_MS = 30_000;
const SETTLE_MS = 8_000;
const LEAST_SHARE = 0.95;
export const MOST_CAMERAS = 800;

/**
 * Calls `test` with numbers from `first` on; resolves to the largest that holds, to within a twentieth, or 0. A number
 * that fails is tried once only.
 */
export async function largest(first: number, most: number, test: (count: number) => Promise<boolean>): Promise<number> {
  let good = 0;
  let bad = most + 1;
  let next = first;
  while (bad - good > Math.max(1, good / 20)) {
    if (await test(next)) good = next;
    else bad = next;
    next = bad > most ? Math.min(most, next * 2) : Math.floor((good + bad) / 2);
    if (next <= good) break;
  }
  return good;
}

/** Whether the analysed share of the wanted rate stays high enough for half a minute. Says each try. */
export async function holds(world: World, count: number, intervalMs: number): Promise<boolean> {
  const online = await world.setCameras(count);
  await delay(SETTLE_MS);
  const from = world.now();
  await delay(HOLD_MS);
  const span = { from, to: world.now() };
  await delay(1_000);
  const cameras = Array.from({ length: count }, (_, index) => index);
  const { mean, worst, first } = world.ledger.figures(span, cameras, intervalMs);
  console.log(
    `${count} cameras, ${online} online: ${mean.toFixed(3)} of the wanted rate, worst ${worst.toFixed(2)}, ` +
      `first aggregate P95 ${first?.p95.toFixed(0) ?? '-'} ms`,
  );
  return mean >= LEAST_SHARE;
}
