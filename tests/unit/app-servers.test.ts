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

  it('states that rules assess without keys, is degraded by a failing model, and not by a shortage of calls', () => {
    const roles = ['cameras', 'scheduler'] as const;
    const said = (over: Partial<NonNullable<HealthFacts['assessment']>>, given: HealthFacts['roles'] = roles) => {
      const assessment = { status: 'ok', source: 'vlm', message: 'all is well', shortage: null, ...over } as const;
      const report = healthReport({ ...well, roles: given, assessment });
      assert.equal(report.assessment?.notice ?? null, report.notices[0] ?? null);
      return [report.status, report.assessment?.source, ...report.notices];
    };
    assert.deepEqual(said({}), ['ok', 'vlm']);
    assert.deepEqual(said({ source: 'rules', message: 'no keys' }), ['ok', 'rules', 'no keys']);
    assert.deepEqual(said({ source: 'rules', message: 'no keys' }, ['scheduler']), [
      'ok',
      'rules',
      'no keys; other schedulers may have keys',
    ]);
    assert.deepEqual(said({ message: 'too few', shortage: 'too few' }), ['ok', 'vlm', 'too few']);
    const failing = said({ status: 'degraded', message: 'no answers', shortage: 'too few' });
    assert.deepEqual(failing, ['degraded', 'vlm', 'no answers', 'too few']);
    assert.equal(healthReport(well).assessment, null);
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
