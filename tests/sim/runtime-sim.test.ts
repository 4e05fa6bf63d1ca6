import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../support/random.ts';
import { World } from './world.ts';

const SEEDS = Number(process.env['GANTRY_SIM_SEEDS'] ?? 2_000);
const ONLY = process.env['GANTRY_SIM_SEED'];

/** One random run of a random system; returns the promises that it broke. */
async function run(seed: number): Promise<readonly string[]> {
  const random = new Random(seed);
  const world = new World(random);
  await world.start();
  if (world.alive) {
    for (let step = 0; step < 30 && world.alive; step += 1) {
      await act(world, random);
      world.checkNow();
    }
  }
  await end(world);
  const stopped = world.incarnations.filter(({ stops }) => stops !== 1);
  const shown = stopped.map(({ path, incarnation, stops }) => `${path} #${incarnation}: ${stops}`).join(', ');
  world.check(stopped.length === 0, `stopped other than once: ${shown}`);
  world.check(world.clock.pending === 0, `${world.clock.pending} timers are left`);
  return world.violations;
}

async function act(world: World, random: Random): Promise<void> {
  const path = world.paths[random.below(world.paths.length)] ?? '/nobody';
  const other = world.paths[random.below(world.paths.length)] ?? '/nobody';
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      for (let count = random.below(6); count > 0; count -= 1) world.tell(path);
      break;
    case 3:
    case 4:
      world.ask(path);
      break;
    case 5:
      world.watch(path, other, random.chance(0.8));
      break;
    case 6: {
      const [first] = world.dynamicPaths();
      if (first !== undefined) await world.addChild(first);
      break;
    }
    case 7:
      if (random.chance(0.3)) void world.system.restart(path).catch(() => undefined);
      else if (path.includes('/x')) void world.system.stopChild(path).catch(() => undefined);
      break;
    default:
      await world.pass(random.below(120));
  }
  if (random.chance(0.5)) await world.pass(random.below(10));
}

/** Stops the system, after which everything must be settled and accounted for. */
async function end(world: World): Promise<void> {
  let stopped = !world.started;
  world.calmDown();
  if (world.started) void world.system.stop().then(() => (stopped = true));
  for (let tries = 0; tries < 40; tries += 1) await world.pass(100);
  world.check(stopped, 'the stop never settles');
  world.check(world.pendingAsks.size === 0, `${world.pendingAsks.size} asks were never settled`);
  if (!world.keepsAccounts || !world.started) return;
  const { total } = world.system.deadLetters();
  world.check(
    world.sent === world.handled + total,
    `${world.sent} messages were sent, ${world.handled} handled and ${total} dead letters counted`,
  );
}

test(`${ONLY ?? SEEDS} random runs of random systems break no promise`, { timeout: 300_000 }, async () => {
  const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(ONLY)];
  let runs = 0;
  for (const seed of seeds) {
    const violations = await run(seed);
    runs += 1;
    assert.deepEqual(
      violations,
      [],
      `seed ${seed}; replay with GANTRY_SIM_SEED=${seed} npm test -- tests/sim/runtime-sim.test.ts`,
    );
  }
  assert.equal(runs, seeds.length);
});
