import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type HealthFacts, healthReport } from '../../src/app/health.ts';
import { readRuntimeFile, removeRuntimeFile, writeRuntimeFile } from '../../src/app/runtime-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the runtime file', () => {
  it('and the context of the NATS CLI are for this user alone, whatever was there, and gone at the end', async () => {
    const folder = temporaryFolder();
    await writeFile(join(folder, 'gantry.json'), '{}', { mode: 0o644 });
    const urls = {
      httpUrl: 'http://127.0.0.1:1',
      natsUrl: 'nats://u:p@127.0.0.1:2',
      redisUrl: 'redis://o:q@127.0.0.1:3',
    };
    const written = await writeRuntimeFile(folder, { pid: 1, ...urls });
    assert.deepEqual(await readRuntimeFile(folder), written);
    assert.match(written.natsContext, /^\/.*\.json$/u, 'the NATS CLI takes a file whose name ends so');
    assert.deepEqual(JSON.parse(await readFile(written.natsContext, 'utf8')), {
      description: 'Gantry',
      url: 'nats://127.0.0.1:2',
      user: 'u',
      password: 'p',
    });
    const names = await readdir(folder);
    assert.ok(names.length > 0);
    for (const name of names) assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
    await removeRuntimeFile(folder);
    assert.deepEqual(await readdir(folder), []);
  });
});

describe('health', () => {
  const well: HealthFacts = {
    version: '1',
    roles: ['web'],
    uptimeSeconds: 1,
    nats: 'connected',
    natsNotice: null,
    natsRefuses: false,
    redis: { state: 'connected', durable: true, notice: null, failedWrites: 0 },
    model: null,
    cameras: [],
    slowCameras: null,
    assessment: null,
    notices: [],
    alerts: [],
  };

  it('is degraded while Redis refuses, with its word and what goes on meanwhile', () => {
    assert.equal(healthReport(well).status, 'ok');
    const redis = { state: 'degraded', durable: true, notice: 'Redis at x: OOM, full', failedWrites: 1 } as const;
    const report = healthReport({ ...well, redis });
    assert.deepEqual({ status: report.status, state: report.redis.state }, { status: 'degraded', state: 'degraded' });
    assert.match(report.redis.notice ?? '', /OOM, full; until then live push uses NATS/u);
    assert.deepEqual(report.notices, [report.redis.notice]);
  });

  it('says why NATS is down, and what it refuses or lacks while it is there', () => {
    const away = healthReport({ ...well, nats: 'reconnecting', natsNotice: 'it refuses user "u"', natsRefuses: true });
    assert.equal(away.status, 'down');
    assert.match(away.nats.notice ?? '', /^NATS is down: .*; it refuses user "u"$/u);
    assert.equal(healthReport({ ...well, natsNotice: 'may not publish', natsRefuses: true }).status, 'degraded');
    const small = healthReport({ ...well, natsNotice: 'room for 800 MB' });
    assert.deepEqual({ status: small.status, notices: small.notices }, { status: 'ok', notices: ['room for 800 MB'] });
  });
});
