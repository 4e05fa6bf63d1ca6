import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainedTree, whyOf } from '../../src/http/resources/tree-why.ts';
import type { TreeSnapshot } from '../../src/runtime/inspect.ts';
import { tree } from '../support/http-samples.ts';

const AT = '2026-01-02T03:04:05.000Z';
const node = (over: Partial<TreeSnapshot>): TreeSnapshot => {
  const [path] = [tree()];
  return {
    ...path,
    state: 'running',
    restarts: 0,
    lastFailure: null,
    nextRestartAt: null,
    onNextFailure: 'restart',
    ...over,
  } as TreeSnapshot;
};
const lastFailure = { at: AT, code: 'X', message: 'the camera is gone' };

test('each node of the tree says in a sentence why it is as it is', () => {
  const said = (over: Partial<TreeSnapshot>) => whyOf(node(over));
  assert.equal(said({}), 'runs, and has not failed');
  assert.equal(said({ restarts: 1 }), 'runs; it was started again once');
  assert.equal(
    said({ restarts: 3, lastFailure, onNextFailure: 'escalate' }),
    `runs; it was started again 3 times, and failed last at ${AT}: the camera is gone; ` +
      'a failure now would make its supervisor fail too, as no restarts are left',
  );
  assert.equal(
    said({ state: 'backing-off', lastFailure, nextRestartAt: AT }),
    `waits to be started again at ${AT}, as it failed: the camera is gone`,
  );
  assert.equal(said({ state: 'failed', lastFailure, onNextFailure: 'end' }), 'was given up: the camera is gone');
  assert.equal(
    said({ onNextFailure: 'end' }),
    'runs, and has not failed; after a failure now it would not be started again',
  );
});

test('the whole tree is explained, and nothing else of it is changed', () => {
  const plain = tree(['a', 'b']);
  const explained = explainedTree(plain);
  const withoutWhy: unknown = JSON.parse(
    JSON.stringify(explained, (key, value: unknown) => (key === 'why' ? undefined : value)),
  );
  assert.deepEqual(withoutWhy, JSON.parse(JSON.stringify(plain)));
  assert.equal(JSON.stringify(explained).match(/"why":/gu)?.length, JSON.stringify(plain).match(/"path":/gu)?.length);
});
