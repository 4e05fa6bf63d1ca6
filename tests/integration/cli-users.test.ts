import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { gantryWith, type Ran } from '../support/gantry-here.ts';
import { memoryLog } from '../support/log.ts';
import { ownNats } from '../support/own-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const gantry = (natsUrl: string, ...args: string[]): Promise<Ran> =>
  gantryWith({ NATS_URL: natsUrl, GANTRY_DATA_DIR: temporaryFolder() }, 'users', ...args);

describe('gantry users', () => {
  it('adds, lists, resets and removes users without a token', async (t) => {
    const nats = await ownNats(t, '');
    const url = `nats://127.0.0.1:${nats.port}`;
    const bus = await NatsBus.open({ url, startTimeoutMs: 30_000, log: memoryLog() });
    t.after(() => bus.close());
    const viewer = await gantry(url, 'add', 'eve');
    assert.deepEqual([viewer.code, /first user must be an admin/u.test(viewer.err)], [1, true]);
    const added = await gantry(url, 'add', 'root', '--role', 'admin', '--json');
    assert.equal(added.code, 0, added.err);
    assert.match((JSON.parse(added.out) as { link: string }).link, /^[\w-]{43}$/u);
    const anna = await gantry(url, 'add', 'anna', '--groups', 'north, south');
    assert.match(anna.out, /sets the password of anna, once:\n#\/setup\/[\w-]{43}\n/u);
    const { users } = JSON.parse((await gantry(url, 'list', '--json')).out) as { users: Record<string, unknown>[] };
    assert.deepEqual(
      users.map(({ name, role, groups, password }) => ({ name, role, groups, password })),
      [
        { name: 'anna', role: 'viewer', groups: ['north', 'south'], password: false },
        { name: 'root', role: 'admin', groups: null, password: false },
      ],
    );
    assert.equal((await gantry(url, 'reset', 'nobody')).code, 1);
    const [reset, removed, last] = [
      await gantry(url, 'reset', 'anna'),
      await gantry(url, 'remove', 'anna'),
      await gantry(url, 'remove', 'root'),
    ];
    assert.deepEqual([reset.code, removed.code, last.code], [0, 0, 1]);
    assert.match(last.err, /last admin/u);
  });

  it('says what is wrong with its arguments', async () => {
    for (const [args, why] of [
      [[], /add, list, remove or reset\?/u],
      [['add'], /Not enough non-option arguments: got 0, need at least 1/u],
      [['add', 'a', '--role', 'king'], /--role: must be one of viewer, operator, admin, not "king"/u],
      [['add', ' '], /is no name/u],
      [['list', '--groups', 'x'], /Unknown argument: groups/u],
    ] as const) {
      const { code, err } = await gantry('nats://127.0.0.1:1', ...args);
      assert.deepEqual([code, why.test(err)], [2, true], err);
    }
  });
});
