import type { Delivery, PullConsumer } from '../../src/infra/bus.ts';
import { until } from './until.ts';

/**
 * The next `count` deliveries, in as many fetches as it takes: a fetch returns what came within a few ms of its first
 * message. More of them than `count` only if one fetch brings more.
 */
export async function fetched<T>(consumer: PullConsumer<T>, count: number): Promise<Delivery<T>[]> {
  const got: Delivery<T>[] = [];
  await until(`${count} deliveries`, async () => got.push(...(await consumer.fetch(10, 1_000))) >= count);
  return got;
}
