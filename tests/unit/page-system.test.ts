import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { explainedTree } from '../../src/http/resources/tree-why.ts';
import { dayLimit, keyRows, secondsUntil } from '../../web/src/views/budget/budget-rows.ts';
import { differenceOf, MOST_LINES } from '../../web/src/views/system/audit-difference.ts';
import { cameraAtPath, entriesOf, MOST_CHILDREN, shownTree } from '../../web/src/views/system/tree-nodes.ts';
import { keyStats, tree } from '../support/http-samples.ts';
import { budget } from '../support/system-samples.ts';

describe('the difference of an audit entry', () => {
  it('names the fields that changed, came and went, and no others', () => {
    assert.deepEqual(differenceOf({ a: 1, b: { c: [1, 2] }, d: 'x' }, { a: 1, b: { c: [1, 3, 4] }, e: null }), [
      { path: 'b.c.1', before: '2', after: '3' },
      { path: 'd', before: '"x"', after: null },
      { path: 'b.c.2', before: null, after: '4' },
      { path: 'e', before: null, after: 'null' },
    ]);
  });

  it('takes an absent side and plain values, and is bounded', () => {
    assert.deepEqual(differenceOf(null, { groups: [] }), [{ path: 'groups', before: null, after: '[]' }]);
    assert.deepEqual(differenceOf('a', 'b'), [{ path: '', before: '"a"', after: '"b"' }]);
    assert.equal(differenceOf(null, Array.from({ length: 1_000 }, String)).length, MOST_LINES);
  });
});

describe('the shown tree', () => {
  const many = explainedTree(tree(Array.from({ length: MOST_CHILDREN + 5 }, (_, index) => `camera-${index}`)));

  it('has at most so many children of one branch, and counts the others', () => {
    const { items, left } = shownTree(many, { text: '', troubledOnly: false });
    assert.equal(items[0]?.children?.[0]?.children?.length, MOST_CHILDREN);
    assert.equal(left, 5);
  });

  it('has only what was searched, with the branches above it', () => {
    const { items, branches } = shownTree(many, { text: 'Camera-203', troubledOnly: false });
    assert.deepEqual(items[0]?.children?.[0]?.children, [{ id: '/cameras/camera-203', name: 'camera-203' }]);
    assert.deepEqual(branches.toSorted(), ['/', '/cameras']);
    assert.deepEqual(shownTree(many, { text: 'no such', troubledOnly: false }).items, []);
  });

  it('finds what is troubled', () => {
    const { items } = shownTree(many, { text: '', troubledOnly: true });
    assert.deepEqual(items[0]?.children?.[0]?.children, [{ id: '/cameras/camera-2', name: 'camera-2' }]);
  });

  it('knows each node with its supervisor, and whose camera it is', () => {
    const entries = entriesOf(many);
    assert.equal(entries.get('/cameras/camera-1')?.parent?.path, '/cameras');
    assert.equal(entries.get('/')?.parent, null);
    assert.equal(cameraAtPath('/cameras/camera-1'), 'camera-1');
    assert.equal(cameraAtPath('/cameras'), null);
  });
});

describe('the keys of the budget', () => {
  it('are those of any reply, with what a viewer of some groups may see', () => {
    const scoped = keyRows({ report: budget, stats: undefined, views: null, usage: undefined });
    assert.deepEqual(
      scoped.map(({ name, status, uses }) => [name, status, uses.rpm?.used ?? null]),
      [
        ['key-1', null, 9],
        ['key-2', 'cooling', null],
      ],
    );
    const all = keyRows({ report: budget, stats: keyStats, views: null, usage: undefined });
    assert.deepEqual(all.map(({ name }) => name).toSorted(), ['key-001', 'key-002', 'key-1', 'key-2']);
    assert.equal(all.find(({ name }) => name === 'key-002')?.successRate, 0);
  });

  it('count down to the next try, and have a limit of the day that is no key', () => {
    assert.equal(secondsUntil('2026-01-02T03:04:15.000Z', Date.parse('2026-01-02T03:04:05.400Z')), 10);
    assert.equal(secondsUntil('2026-01-02T03:04:15.000Z', Date.parse('2026-01-02T03:04:15.000Z')), null);
    assert.equal(dayLimit(budget)?.of, 5);
  });
});
