import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { alertNotices, wordedAlerts } from '../../src/app/alert-notices.ts';
import type { MonitoringReport } from '../../src/http/schemas/monitoring-schema.ts';
import { systemAlert } from '../support/fake-monitoring.ts';
import { AS, asHeader, NORTH, scopedServer, SOUTH } from '../support/scoped-world.ts';

const { world, server } = await scopedServer();
const { monitoring } = world;

describe('/api/monitoring', () => {
  after(() => server.close());

  const soon = (): string => new Date(Date.now() + 3_600_000).toISOString();
  const ask = async (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    groups: string[] | null = null,
  ) => {
    const headers = { host: 'localhost', [AS]: asHeader({ role: 'operator', groups }) };
    const url = `/api/monitoring${path}`;
    const reply = await server.app.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) });
    return { status: reply.statusCode, body: reply.body === '' ? null : reply.json() };
  };

  it('shows each rule by the furthest of its alerts, and the worst figure of all nodes', async () => {
    monitoring.values.set('disk_nearly_full', [0.4, 0.2]);
    monitoring.values.set('cpu_usage', [0.4, 0.2]);
    const silent = systemAlert('cpu_usage', { silencedUntil: soon() });
    monitoring.alerts.push(silent);
    const { body } = await ask('GET', '');
    const { rules } = body as MonitoringReport;
    const of = (wanted: string) => {
      const found = rules.find(({ name }) => name === wanted);
      return [found?.state, found?.value];
    };
    assert.deepEqual(of('disk_nearly_full'), ['ok', 0.2]);
    assert.deepEqual(of('cpu_usage'), ['silenced', 0.4]);
    assert.deepEqual(of('camera_dark'), ['firing', null]);
    assert.deepEqual(of('memory_usage'), ['unknown', null]);
    assert.deepEqual(of('end_to_end_latency'), ['disabled', null]);
  });

  it('hides alerts about the whole system, and its figures, from who sees only some cameras', async () => {
    monitoring.problem = 'the file names south';
    const { body } = await ask('GET', '', undefined, [NORTH]);
    const { alerts, rules, problem, silences } = body as MonitoringReport;
    assert.deepEqual(
      alerts.map(({ cameraId }) => cameraId),
      [NORTH],
    );
    assert.deepEqual([rules.find(({ name }) => name === 'cpu_usage')?.value, problem], [null, null]);
    assert.deepEqual(
      silences.map(({ cameraId }) => cameraId),
      [NORTH],
    );
  });

  const refused: Readonly<Record<string, readonly [object, number, string]>> = {
    'an unknown rule': [{ rule: 'cpu' }, 400, 'rule'],
    'a time that is over': [{ until: '2026-01-02T03:04:05Z' }, 400, 'until'],
    'more than a week': [{ until: new Date(Date.now() + 8 * 86_400_000).toISOString() }, 400, 'until'],
    'no reason': [{ reason: ' ' }, 400, 'reason'],
    'an unknown camera': [{ cameraId: 'nowhere' }, 404, 'cameraId'],
  };
  for (const [what, [body, status, field]] of Object.entries(refused))
    it(`refuses a silence with ${what}`, async () => {
      const whole = { rule: 'camera_dark', cameraId: NORTH, until: soon(), reason: 'r', ...body };
      const reply = await ask('POST', '/silences', whole);
      assert.deepEqual([reply.status, reply.body.field], [status, field], JSON.stringify(reply.body));
    });

  it('lets only who sees all cameras silence a whole rule', async () => {
    const body = { rule: 'cpu_usage', until: soon(), reason: 'a test' };
    assert.equal((await ask('POST', '/silences', body, [NORTH])).status, 403);
    const { status, body: silence } = await ask('POST', '/silences', body);
    assert.equal(status, 201);
    assert.equal((await ask('DELETE', `/silences/${silence.silenceId}`, undefined, [NORTH])).status, 403);
    assert.equal((await ask('DELETE', `/silences/${silence.silenceId}`)).status, 204);
    assert.equal((await ask('DELETE', `/silences/${silence.silenceId}`)).status, 404);
  });

  it('refuses one too many, and the end of one that is in the file', async () => {
    monitoring.most = 0;
    const full = await ask('POST', '/silences', { rule: 'cpu_usage', until: soon(), reason: 'r' });
    assert.deepEqual([full.status, full.body.code], [409, 'TOO_MANY_SILENCES']);
    const inFile = { rule: 'cpu_usage', cameraId: SOUTH, until: soon(), reason: 'r', by: 'the file' };
    monitoring.silences.push({ ...inFile, silenceId: 'file-1' });
    const { status, body } = await ask('DELETE', '/silences/file-1');
    assert.deepEqual([status, body.code], [409, 'SILENCE_IN_FILE']);
  });
});

describe('the notices of alerts', () => {
  it('say which thing, its figure and the threshold; none for silenced and pending ones', () => {
    const alerts = [
      systemAlert('camera_dark', { cameraId: 'north' }),
      systemAlert('cpu_usage', { value: 0.913, threshold: 0.8, unit: 'share', silencedUntil: soonest }),
      systemAlert('cpu_usage', { value: 0.913, threshold: 0.8, unit: 'share', state: 'pending' }),
      systemAlert('nats_away', { value: 0, threshold: 1, unit: 'state' }),
    ];
    assert.deepEqual(alertNotices(wordedAlerts(alerts)), [
      'No picture of a camera is analysed (north, node node-1): 75 seconds, where 60 seconds is the threshold, ' +
        'since 2026-01-02T03:04:05.000Z',
      'A node does not reach NATS: nothing is assessed there, or shown (node node-1): since 2026-01-02T03:04:05.000Z',
    ]);
    const many = Array.from({ length: 12 }, (_, index) => systemAlert('camera_dark', { cameraId: `cam-${index}` }));
    const notices = alertNotices(wordedAlerts(many));
    assert.deepEqual([notices.length, notices.at(-1)], [11, 'and 2 more alerts about Gantry']);
  });
});
const soonest = '2100-01-02T03:04:05.000Z';
