import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { keyBringer } from '../../src/app/bring-keys.ts';
import type { Role } from '../../src/app/config.ts';
import { freshnessOf, readFreshness } from '../../src/app/freshness-settings.ts';
import type { EffectiveKeys } from '../../src/key-admin/admin.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the freshness settings of a process without keys', () => {
  const read = async (text: string | null, name = 'api_keys.yaml') => {
    const file = join(temporaryFolder(), 'api_keys.yaml');
    const log = memoryLog();
    if (text !== null) await writeFile(join(file, '..', name), text);
    return { freshness: await readFreshness(file, log, {}), warnings: log.lines.map(({ message }) => message) };
  };

  it('are those of the key file, whose keys it needs not have', async () => {
    const text = [
      'api_keys: [{ name: k, key: ${NOT_SET_HERE}, qps_limit: 1, rpm_limit: 60 }]',
      'scheduler: { freshness_seconds: 3, verdict_seconds: 20, recheck_seconds: 30, camera_turn_seconds: 90 }',
    ].join('\n');
    assert.deepEqual(await read(text), {
      freshness: { freshnessMs: 3_000, verdictMs: 20_000, recheckMs: 30_000, cameraTurnMs: 90_000 },
      warnings: [],
    });
  });

  it('are the defaults without a file, and without a section', async () => {
    assert.deepEqual(await read(null), { freshness: DEFAULT_FRESHNESS, warnings: [] });
    assert.deepEqual(await read('strategy: priority'), { freshness: DEFAULT_FRESHNESS, warnings: [] });
  });

  it('are the defaults, with a warning, when the file cannot be used', async () => {
    for (const [text, name, why] of [
      ['scheduler: { freshness_seconds: soon }', 'api_keys.yaml', /freshness_seconds.*soon/],
      ['scheduler: {', 'api_keys.yaml', /not valid YAML/],
      ['42', 'api_keys.enc', /is not a file made by/],
    ] as const) {
      const { freshness, warnings } = await read(text, name);
      assert.deepEqual(freshness, DEFAULT_FRESHNESS);
      assert.match(warnings.join(), why);
    }
  });

  it('give way to those of the keys, where the process has them', () => {
    const now = { ...DEFAULT_FRESHNESS, freshnessMs: 1 };
    const keysAndUsage = { keys: { freshness: () => now } } as Parameters<typeof freshnessOf>[0];
    assert.equal(freshnessOf(keysAndUsage, null)(), now);
    assert.equal(freshnessOf(null, now)(), now);
    assert.deepEqual(freshnessOf(null, null)(), DEFAULT_FRESHNESS);
  });
});

describe('a change of the key file', () => {
  const keysOf = (scheduler: object): EffectiveKeys => ({
    config: parseKeyConfig({ scheduler }, {}),
    origins: new Map(),
    prices: new Map(),
    dailyBudget: null,
    idle: new Map(),
  });

  async function told(roles: readonly Role[], ...changes: EffectiveKeys[]) {
    const messages: [string, { readonly type: string; readonly freshness?: unknown }][] = [];
    const system = {
      ref: ({ path }: { readonly path: string }) => ({
        tell: (message: { readonly type: string }) => {
          messages.push([path, message]);
          return 'accepted';
        },
        ask: ({ type }: { readonly type: string }) => Promise.resolve(type === 'keys' ? [] : { removed: [] }),
      }),
    } as unknown as Parameters<typeof keyBringer>[0];
    const log = memoryLog();
    const bring = keyBringer(system, roles, keysOf({}).config, { forgetKey: () => Promise.resolve() }, log);
    for (const keys of changes) await bring(keys);
    assert.deepEqual(
      log.lines.filter(({ level }) => level === 'warn'),
      [],
    );
    return messages;
  }

  it('tells the task generator and the aggregator of this process the new freshness, once', async () => {
    const changed = keysOf({ freshness_seconds: 4 });
    const messages = await told(['cameras', 'scheduler', 'aggregator'], keysOf({}), changed, changed);
    assert.deepEqual(
      messages.map(([path, { type }]) => [path, type]),
      [
        ['/scheduler', 'configure'],
        ['/task-generator', 'configure'],
        ['/aggregator', 'configure'],
      ],
    );
    assert.deepEqual(messages[1]?.[1].freshness, { ...DEFAULT_FRESHNESS, freshnessMs: 4_000 });
    assert.deepEqual(messages[2]?.[1].freshness, messages[1]?.[1].freshness);
  });

  it('tells nobody of a role that this process lacks', async () => {
    const messages = await told(['scheduler', 'aggregator'], keysOf({ recheck_seconds: 5 }));
    assert.deepEqual(
      messages.map(([path]) => path),
      ['/scheduler', '/aggregator'],
    );
  });
});
