import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyBringer } from '../../src/app/bring-keys.ts';
import { SCHEDULER, type SchedulerMessage } from '../../src/actors/scheduler/scheduler.types.ts';
import type { Log } from '../../src/infra/log.ts';
import type { EffectiveKeys } from '../../src/key-admin/admin.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import type { ActorSystem } from '../../src/runtime/system.ts';
import { memoryLog } from '../support/log.ts';

test('the scheduler gets the settings and texts of a changed key file, and only when those changed', async () => {
  const told: SchedulerMessage[] = [];
  const system = {
    ref: ({ path }: { readonly path: string }) => ({
      tell: (message: SchedulerMessage) => {
        assert.equal(path, SCHEDULER.path);
        told.push(message);
        return 'accepted';
      },
      ask: ({ type }: { readonly type: string }) => Promise.resolve(type === 'configure' ? { removed: [] } : []),
    }),
  } as unknown as ActorSystem;
  const log = memoryLog() as unknown as Log;
  const bring = keyBringer(system, ['scheduler'], parseKeyConfig({}, {}), { forgetKey: () => Promise.resolve() }, log);
  const changed = (raw: object) => {
    const keys: EffectiveKeys = {
      config: parseKeyConfig(raw, {}),
      origins: new Map(),
      prices: new Map(),
      dailyBudget: null,
      idle: new Map(),
    };
    return bring(keys);
  };
  await changed({ strategy: 'priority' });
  assert.equal(told.length, 0);
  const prompts = { text: 'Trams go first.', kinds: { 'dense-traffic': 'Normal at 8.' } };
  await changed({ prompts });
  await changed({ prompts, strategy: 'priority' });
  assert.deepEqual(
    told.map((message) => message.type === 'configure' && message.settings.prompts),
    [prompts],
  );
  await changed({ prompts, scheduler: { timeout_seconds: 9 } });
  const last = told.at(-1);
  assert.ok(last?.type === 'configure');
  assert.deepEqual([told.length, last.settings.timeoutMs, last.settings.prompts], [2, 9_000, prompts]);
});
