import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gantryTree, type TreeInits } from '../../src/actors/tree.ts';
import { readConfig, ROLES } from '../../src/app/config.ts';
import { holdDataFolder } from '../../src/app/data-folder.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SERVERS = { NATS_URL: 'nats://127.0.0.1:1', REDIS_URL: 'off' };
const rolesOf = (args: string[], env: Record<string, string> = SERVERS) => {
  const config = readConfig(args, env);
  assert.notEqual(config, 'help');
  return config === 'help' ? [] : config.roles;
};
const never = () => assert.fail('nothing is started here');

describe('roles of a process', () => {
  it('are all of them when nothing is said, else those named, from the option before the environment', () => {
    assert.deepEqual(rolesOf([], {}), ROLES);
    assert.deepEqual(rolesOf(['--roles', 'web, cameras,web']), ['cameras', 'web']);
    assert.deepEqual(rolesOf([], { ...SERVERS, GANTRY_ROLES: 'scheduler' }), ['scheduler']);
    assert.deepEqual(rolesOf(['--roles', 'aggregator'], { ...SERVERS, GANTRY_ROLES: 'scheduler' }), ['aggregator']);
  });

  it('an unknown role, and a process without cameras and without shared servers, are refused by name', () => {
    const refused = (args: string[], env: Record<string, string>, field: string) =>
      assert.throws(
        () => readConfig(args, env),
        (error) => error instanceof InfraError && error.code === 'CONFIG_INVALID' && error.fields['field'] === field,
      );
    refused(['--roles', 'cameras,cleaner'], SERVERS, 'roles');
    refused(['--roles', ''], SERVERS, 'roles');
    refused(['--roles', 'scheduler,web'], {}, 'NATS_URL');
    refused(['--roles', 'scheduler,web'], { NATS_URL: SERVERS.NATS_URL }, 'REDIS_URL');
    assert.deepEqual(rolesOf(['--roles', 'cameras'], {}), ['cameras']);
  });

  it('choose what is supervised: takers before senders, nothing of the other roles', () => {
    const inits: TreeInits = {
      monitor: null,
      cameras: {
        taskGenerator: never,
        publisher: never,
        trafficCounts: never,
        releaseReports: never,
        imaging: never,
        inference: never,
        ingest: never,
        clips: never,
        cameraRegistry: never,
      },
      scheduler: { keyPool: never, scheduler: never },
      aggregator: {
        webhooks: never,
        alertImages: never,
        alertClips: never,
        alertIndex: never,
        alertWriter: never,
        aggregator: never,
      },
      web: { onDemand: never },
    };
    const ids = (some: Partial<TreeInits>) =>
      gantryTree({ monitor: null, cameras: null, scheduler: null, aggregator: null, web: null, ...some }).children.map(
        ({ id }) => id,
      );
    const whole = ids(inits);
    assert.equal(whole.length, 20);
    assert.ok(
      whole.indexOf('aggregator') < whole.indexOf('scheduler') &&
        whole.indexOf('scheduler') < whole.indexOf('publisher') &&
        whole.indexOf('publisher') < whole.indexOf('ingest') &&
        whole.indexOf('ingest') < whole.indexOf('cameras') &&
        whole.indexOf('inference') < whole.indexOf('cameras'),
    );
    assert.deepEqual(ids({ scheduler: inits.scheduler }), ['key-pool', 'caller', 'scheduler']);
    assert.deepEqual(ROLES.flatMap((role) => ids({ [role]: inits[role] })).toSorted(), whole.toSorted());
  });
});

describe('the data folder of a process', () => {
  it('is refused to a second one while the first has it, and free again after', async () => {
    const folder = temporaryFolder();
    const release = await holdDataFolder(folder);
    await assert.rejects(
      holdDataFolder(folder),
      (error) => error instanceof InfraError && error.code === 'CONFIG_INVALID' && error.message.includes(folder),
    );
    await release();
    await (
      await holdDataFolder(folder)
    )();
  });
});
