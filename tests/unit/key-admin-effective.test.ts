import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddedKey, type Change, type Changes, parseChanges } from '../../src/key-admin/changes.ts';
import { effectiveKeys } from '../../src/key-admin/effective.ts';

const raw = { api_keys: ['one', 'two', 'three'].map((name) => ({ name, key: `sk-${name}-0123`, qps_limit: 5 })) };
const patch = (fields: object): Change => ({ kind: 'patch', stamp: [1, 'z'], patch: fields });
const of = (changes: Changes, isTrusted = true) =>
  effectiveKeys({ raw, source: 'keys', changes, env: { SECRET: 'hunter2' }, isTrusted: () => isTrusted, before: [] });

test('changes that cannot be together are idle, the others are in force', () => {
  const changes = new Map([
    ['one', patch({ quota_group: 'g' })],
    ['two', patch({ quota_group: 'g', qps_limit: 9 })],
    ['three', patch({ qps_limit: 2 })],
  ]);
  const { config, idle } = of(changes);
  assert.deepEqual([...idle.keys()], ['two']);
  assert.match(idle.get('two')?.message ?? '', /quota_group/);
  assert.deepEqual(
    config.keys.map(({ qpsLimit, quotaGroup }) => [qpsLimit, quotaGroup]),
    [
      [5, 'g'],
      [5, null],
      [2, null],
    ],
  );
});

test('a change that nothing proves lets a key do less, and never more', () => {
  const changes = new Map([
    ['one', patch({ qps_limit: 900, rpm_limit: 10, quota_group: 'g', price_per_1k_input: 0 })],
    ['two', patch({ enabled: false, drain: true })],
    ['three', patch({ enabled: true, tpm_limit: 5_000, max_in_flight: 1 })],
  ]);
  const { config, origins } = of(changes, false);
  assert.deepEqual(
    config.keys.map((key) => [key.qpsLimit, key.rpmLimit, key.quotaGroup, key.enabled, key.tpmLimit, key.maxInFlight]),
    [
      [5, 10, null, true, null, null],
      [5, 300, null, false, null, null],
      [5, 300, null, true, 5_000, 1],
    ],
  );
  assert.equal(origins.get('two')?.drain, true);
});

test('an added key names no variable and no address that the key file does not', () => {
  const added = (key: string): Change => ({
    kind: 'put',
    stamp: [1, 'z'],
    entry: AddedKey.parse({ name: 'x', key }),
    drain: false,
  });
  for (const key of ['${SECRET}', '\uE000SECRET\uE001', 'a${SECRET}b', '${constructor}']) {
    assert.ok(!of(new Map([['x', added(key)]])).config.keys.some(({ name }) => name === 'x'), key);
  }
  assert.equal(
    of(new Map([['x', added('sk-x-0123456789')]])).config.keys.at(-1)?.baseUrl,
    of(new Map()).config.keys[0]?.baseUrl,
  );
  const away = {
    ...added('sk-x-0123456789'),
    entry: { name: 'x', key: 'sk-x-0123456789', base_url: 'http://10.0.0.66/v1' },
  };
  assert.deepEqual(parseChanges({ x: away }), { changes: new Map(), refused: ['x'] });
});
