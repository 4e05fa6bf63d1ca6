import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Arrival, World } from '../support/limits-world.ts';
import { Random } from '../support/random.ts';

/** More lives: `GANTRY_LIMITS_LIVES=1000`; one again: `GANTRY_LIMITS_SEED=n`. */
const LIVES = Number(process.env['GANTRY_LIMITS_LIVES'] ?? '60');
const ONLY = process.env['GANTRY_LIMITS_SEED'];
const SEEDS = ONLY === undefined ? Array.from({ length: LIVES }, (_, index) => index + 1) : [Number(ONLY)];
const LIVE_MS = 100_000;
const CALM_MS = 70_000;

/** Windows, closed at both ends, that hold more than allowed. */
function exceeded(arrivals: readonly Arrival[], limit: number, spanMs: number): readonly (readonly Arrival[])[] {
  const sorted = arrivals.toSorted((a, b) => a.at - b.at);
  return sorted.flatMap((last, index) => {
    const first = sorted[index - limit];
    return first !== undefined && last.at - first.at <= spanMs ? [sorted.slice(index - limit, index + 1)] : [];
  });
}

/** One life: nodes join, call all the time, and everything between them fails at random; then all is calm. */
async function live(seed: number): Promise<World> {
  const random = new Random(seed);
  const world = new World(
    random,
    random.pick([
      { qps: 6, rpm: 3_000, guardMs: 20 },
      { qps: 4, rpm: 40, guardMs: 20 },
      { qps: 10, rpm: 90, guardMs: 5 },
      { qps: 1, rpm: 20, guardMs: 20 },
      { qps: 10, rpm: 3_000, guardMs: 10, restMs: 1_500 },
      { qps: 12, rpm: 400, guardMs: 5, restMs: 3_500 },
    ]),
  );
  const count = 2 + random.below(2);
  for (let i = 0; i < count; i++) world.add(`n${i}`);
  // All have met before anything breaks: who never met anyone knows of nobody, see `nodes` of the gate.
  for (const node of world.nodes) node.turn(3_000, () => node.ask(8));
  for (let at = 4_000; at < CALM_MS; at += 500 + random.below(6_000)) world.at(at, () => trouble(world));
  await world.run(LIVE_MS);
  return world;
}

function trouble(world: World): void {
  const { random } = world;
  const node = world.nodes[random.below(world.nodes.length)];
  if (node === undefined) return;
  const ms = random.pick([50, 450, 600, 1_500, 4_000, 9_000]) + random.below(500);
  const kinds: readonly (readonly [() => void, string])[] = [
    [() => void (world.stalledUntil = world.now + ms), `Redis reads nothing for ${ms} ms`],
    [() => world.nodes.forEach((one) => one.link.cut(ms)), `Redis is away for ${ms} ms`],
    [() => void (node.link.heldUntil = world.now + ms), `${node.name}'s words are held up for ${ms} ms`],
    [() => node.link.cut(ms), `${node.name} is cut off for ${ms} ms`],
    [() => world.model.flush(), 'Redis loses its data'],
    [
      () => node.pause(random.chance(0.3) ? 7_500 + random.below(1_900) : random.below(600)),
      `${node.name} stands still`,
    ],
    ...(random.chance(0.4) && world.nodes.filter((one) => !one.dead).length > 1
      ? [[() => node.crash(), `${node.name} dies`] as const]
      : []),
  ];
  const chosen = kinds[random.below(kinds.length)];
  world.tell(chosen?.[1] ?? '');
  chosen?.[0]();
}

describe('limits shared over Redis, in lives of random trouble', () => {
  it('no window is exceeded at the provider, whatever is lost, late or dead', async () => {
    for (const seed of SEEDS) {
      const world = await live(seed);
      const { qps, rpm } = world.options;
      for (const [limit, spanMs] of [
        [qps, 1_000],
        [rpm, 60_000],
      ] as const) {
        const windows = exceeded(world.arrivals, limit, spanMs);
        const told = windows[0]?.slice(0, 40).map(({ node, at }) => `${node} ${(at / 1_000).toFixed(3)}`);
        assert.equal(
          windows.length,
          0,
          `GANTRY_LIMITS_SEED=${seed}: ${windows.length} windows of ${spanMs} ms hold more than ${limit}: ` +
            `${told?.join(', ')}\n${world.story.join('\n')}`,
        );
      }
      // Leases of the dead run out and everyone comes back: at the end the budget is used.
      const last = world.arrivals.filter(({ at }) => at > LIVE_MS - 5_000).length;
      if (rpm >= 3_000 && world.options.restMs === undefined)
        assert.ok(last >= qps, `GANTRY_LIMITS_SEED=${seed}: ${last} calls in the last 5 s\n${world.story.join('\n')}`);
    }
  });
});
