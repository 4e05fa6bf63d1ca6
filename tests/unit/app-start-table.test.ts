import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Role } from '../../src/app/config.ts';
import { StartStack } from '../../src/app/start-stack.ts';
import { StartTable } from '../../src/app/start-table.ts';
import { createLog } from '../../src/infra/log.ts';

const silent = createLog('silent');

interface Given {
  readonly config: { readonly roles: readonly Role[] };
  readonly stack: StartStack;
  readonly seen: string[];
}

const given = (...roles: readonly Role[]): Given => ({ config: { roles }, stack: new StartStack(silent), seen: [] });

const row = (name: string) => ({
  name,
  start: ({ seen }: Given): string => {
    seen.push(`start ${name}`);
    return `the ${name}`;
  },
  stop: (result: string, { seen }: Given) => seen.push(`stop ${result}`),
});

test('rows start from top to bottom, see the results above them, and stop from bottom to top', async () => {
  const table = StartTable.given<Given>()
    .step('bus', row('bus'))
    .with(({ bus }) => ({ shared: `${bus}, shared` }))
    .step('http', {
      ...row('http'),
      start: ({ shared, seen }) => (seen.push(`start http with ${shared}`), 'the http'),
    });
  const start = given('web');
  const { bus, http } = await table.run(start);
  assert.equal(bus, 'the bus');
  assert.equal(http, 'the http');
  await start.stack.stop();
  assert.deepEqual(start.seen, ['start bus', 'start http with the bus, shared', 'stop the http', 'stop the bus']);
});

test('a row of other roles is skipped and gives null', async () => {
  const table = StartTable.given<Given>().stepFor(['cameras', 'aggregator'], 'encoder', row('encoder'));
  const without = given('web');
  assert.equal((await table.run(without)).encoder, null);
  assert.deepEqual(without.seen, []);
  assert.equal((await table.run(given('web', 'aggregator'))).encoder, 'the encoder');
});

for (const [what, failing] of [
  ['step', StartTable.given<Given>().step('bus', row('bus')).step('http', { name: 'http', start: broken })],
  ['part without a stop', StartTable.given<Given>().step('bus', row('bus')).with(broken)],
] as const)
  test(`a ${what} that fails stops the rows above it and rejects with its error`, async () => {
    const start = given('web');
    await assert.rejects(failing.run(start), /port taken/);
    assert.deepEqual(start.seen, ['start bus', 'stop the bus']);
  });

function broken(): never {
  throw new Error('port taken');
}
