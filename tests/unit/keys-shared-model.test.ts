import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACQUIRE } from '../../src/keys/shared/gate-scripts.ts';
import { World } from '../support/limits-world.ts';
import { Random } from '../support/random.ts';

/** Calls of one node that arrived from `from` on and before `to`. */
const callsOf = ({ arrivals }: World, name: string, from = 0, to = Infinity): number =>
  arrivals.filter(({ node, at }) => node === name && at >= from && at < to).length;

/** Calls seldom enough that nothing else happens in these tests. */
const ONCE = { qps: 10, rpm: 3_000, guardMs: 5, restMs: 1e9 };

describe('limits shared over Redis', () => {
  it('while calls are made, the next ones find a permit in hand', async () => {
    const world = new World(new Random(1), ONCE);
    const node = world.add('n0');
    node.turn(2_000, () => node.ask(1));
    await world.run(3_500);
    world.stalledUntil = Infinity;
    node.turn(3_500, () => node.ask(4));
    await world.run(3_900);
    assert.equal(world.arrivals.length, 1 + 4);
  });

  it('permits that nobody came to use go back, and another node has the whole budget', async () => {
    const world = new World(new Random(1), ONCE);
    const [idle, other] = [world.add('n0'), world.add('n1')];
    idle.turn(2_000, () => idle.ask(2));
    other.turn(6_500, () => other.ask(10));
    await world.run(6_900);
    assert.equal(callsOf(world, 'n1'), 10);
  });

  it('those kept in hand leave half of a budget to the other nodes', async () => {
    const world = new World(new Random(1), ONCE);
    const [first, other] = [world.add('n0'), world.add('n1')];
    first.turn(2_000, () => first.ask(2));
    other.turn(2_200, () => other.ask(8));
    await world.run(2_700);
    const got = callsOf(world, 'n1');
    assert.ok(got >= 5, `${got} calls`);
    assert.ok(got < 8, 'without spares this test shows nothing');
  });

  it('of nodes that want more than there is each gets its part in every second', async () => {
    const world = new World(new Random(1), { qps: 9, rpm: 3_000, guardMs: 5 });
    const nodes = ['n0', 'n1', 'n2'].map((name) => world.add(name));
    for (const node of nodes) node.turn(3_000, () => node.ask(8));
    await world.run(9_000);
    for (const { name } of nodes) {
      for (let from = 4_000; from < 8_500; from += 1_500) {
        const got = callsOf(world, name, from, from + 1_500);
        assert.ok(got >= 2, `${name} got ${got} from ${from} on`);
      }
    }
  });

  it('waiters that come together need one question', async () => {
    const world = new World(new Random(1), { qps: 10, rpm: 3_000, guardMs: 5 });
    const node = world.add('n0');
    const asked: (string | number | undefined)[] = [];
    const evaluate = node.link.eval.bind(node.link);
    node.link.eval = (script, keyCount, ...rest) => {
      // After the keys: node, time, then prefix, first number and count of the one budget.
      if (script === ACQUIRE) asked.push(rest[keyCount + 4]);
      return evaluate(script, keyCount, ...rest);
    };
    node.turn(2_000, () => [1, 1, 1, 1, 1].forEach((one) => node.ask(one)));
    await world.run(2_100);
    assert.equal(asked[0], 5);
    assert.ok(world.arrivals.length >= 5, `${world.arrivals.length} calls`);
  });
});
