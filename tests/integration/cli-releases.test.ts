import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { writeRuntimeFile } from '../../src/app/runtime-file.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { ReleaseFigures } from '../../src/releases/release-figures.ts';
import { systemAlert } from '../support/fake-monitoring.ts';
import { gantryHere } from '../support/gantry-here.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { judgementOf, orderOf, pairOf } from '../support/releases.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const TOKEN = 'a-token-of-the-test';

describe('gantry over HTTP', () => {
  const world = new FakeWorld().add('north');
  const folder = temporaryFolder();
  let server: HttpServer;
  before(async () => {
    server = await fakeServer(world, { token: TOKEN });
    const httpUrl = await server.listen('127.0.0.1', 0);
    await writeRuntimeFile(folder, { pid: process.pid, httpUrl, natsUrl: 'nats://127.0.0.1:1', redisUrl: null });
    process.env['GANTRY_TOKEN'] = TOKEN;
    await world.releases.start(orderOf('mini'), [], { by: 'eva', at: Date.parse('2026-01-02T03:04:05Z') });
    const figures = new ReleaseFigures();
    figures.add(pairOf('mini', judgementOf('low'), judgementOf('high')), 50);
    world.releaseFigures.set('mini', figures);
  });
  after(async () => {
    delete process.env['GANTRY_TOKEN'];
    await server.close();
  });
  const gantry = (...args: string[]) => gantryHere(...args, '--data-dir', folder);
  const codeOf = (out: string): string => (JSON.parse(out) as { error: { code: string } }).error.code;

  it('lists and shows releases', async () => {
    const list = await gantry('releases', 'list');
    assert.equal(list.code, 0, list.err);
    assert.match(
      list.out,
      /mini +running +10 % of the groups, share +model model-of-mini +2026-01-02T03:04:05.000Z by eva/u,
    );
    assert.match(list.out, /present way: as the files say/u);
    const { out } = await gantry('releases', 'list', '--json');
    assert.deepEqual((JSON.parse(out) as { present: unknown }).present, {});

    const shown = await gantry('releases', 'show', 'mini');
    assert.match(shown.out, /present +candidate\n[^]*judgements +1 +1\nalerts +0 +1\n[^]*latency P95 +1(\.\d+)? s/u);
    assert.match(shown.out, /agreement of 1 pairs: 0 % at the same level[^]*of the candidate only: 1\n/u);
    assert.match(shown.out, /north +candidate +low -> high/u);
  });

  it('promotes and rolls back, and says why it may not', async () => {
    const promoted = await gantry('releases', 'promote', 'mini', '--json');
    assert.equal((JSON.parse(promoted.out) as { release: { state: string } }).release.state, 'promoted');
    assert.deepEqual(world.releases.now.present, { model: 'model-of-mini' });
    const back = await gantry('releases', 'rollback', 'mini', '--reason', 'misses vans');
    assert.match(back.out, /state +rolled-back: misses vans/u);
    assert.deepEqual(world.releases.now.present, {});
    const ended = await gantry('releases', 'promote', 'mini', '--json');
    assert.deepEqual([ended.code, codeOf(ended.out)], [1, 'REFUSED']);
    const unknown = await gantry('releases', 'show', 'maxi', '--json');
    assert.deepEqual([unknown.code, codeOf(unknown.out)], [1, 'NOT_FOUND']);
  });

  it('shows the alert rules, alerts and silences', async () => {
    world.monitoring.alerts = [systemAlert('camera_dark', { cameraId: 'north' })];
    world.monitoring.values.set('camera_dark', [75]);
    const until = '2100-01-02T03:04:05.000Z';
    const silence = { silenceId: 's1', rule: 'disk_full', cameraId: null, until, reason: 'a new disk', by: 'eva' };
    world.monitoring.silences.push(silence);
    const { code, out } = await gantry('monitoring');
    assert.equal(code, 0);
    assert.match(out, /camera_dark +firing +critical +75 seconds +above 60 seconds/u);
    assert.match(out, /alerts:\n\ncamera_dark +critical +firing +north, node node-1 +75 seconds +since 2026/u);
    assert.match(out, /disk_full +all +until 2100-01-02T03:04:05.000Z +by eva +a new disk/u);
    const document: { alerts: unknown[] } = JSON.parse((await gantry('monitoring', '--json')).out);
    assert.equal(document.alerts.length, 1);
  });

  it('says when the token is wrong, and when no Gantry answers, without the token', async (t) => {
    t.after(() => (process.env['GANTRY_TOKEN'] = TOKEN));
    process.env['GANTRY_TOKEN'] = 'another-hidden-token';
    const wrong = await gantry('monitoring');
    assert.deepEqual([wrong.code, /REFUSED: .*GANTRY_TOKEN\?/u.test(wrong.err)], [1, true], wrong.err);
    assert.ok(!wrong.err.includes('hidden'));
    const nowhere = await gantryHere('monitoring', '--json', '--data-dir', temporaryFolder());
    assert.equal(codeOf(nowhere.out), 'NOT_RUNNING');
    const stopped = temporaryFolder();
    const urls = { httpUrl: 'http://127.0.0.1:1', natsUrl: 'nats://127.0.0.1:1', redisUrl: null };
    await writeRuntimeFile(stopped, { pid: process.pid, ...urls });
    const silent = await gantryHere('releases', 'list', '--json', '--data-dir', stopped);
    assert.equal(codeOf(silent.out), 'NOT_REACHABLE');
  });
});
