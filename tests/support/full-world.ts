import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../../src/infra/nats/dead-letter-box.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Alarm } from '../../src/messages/alarm.ts';
import type { AuditEntry } from '../../src/messages/audit.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { ReleaseFigures } from '../../src/releases/release-figures.ts';
import { judgementOf, orderOf, pairOf } from './releases.ts';
import { systemAlert } from './fake-monitoring.ts';
import type { FakeWorld } from './http-fakes.ts';
import { aggregate, config, countedBin, healthy, incidentOf, record, SCENE, statusOf, tree } from './http-samples.ts';
import { plainJpeg } from './jpeg.ts';

/** The administrator of {@link fillWorld}. */
export const ADMIN = { user: 'root', password: 'a good password' };

/** About a message of the camera `north`. */
export const DEAD_LETTER: DeadLetter = {
  id: 7,
  at: Date.parse('2026-01-02T03:04:05.000Z'),
  stream: 'DETECTIONS',
  consumer: 'tasks',
  subject: 'detections.north',
  reason: 'trafficGroups: has too many entries',
  deliveries: 5,
  cameraId: 'north',
  requestId: 'r-1',
  traceId: null,
  headers: { 'Nats-Msg-Id': 'one' },
  body: Buffer.from('{"frame":{"number":3}}'),
  cut: null,
};

const change: AuditEntry = {
  at: '2026-01-02T03:04:05.000Z',
  who: 'root',
  role: 'admin',
  via: 'session',
  address: '192.0.2.7',
  action: 'camera.change',
  target: 'north',
  cameraId: 'north',
  before: { name: 'North' },
  after: { name: 'North gate' },
};

/**
 * Puts some of everything into a world that has nothing: cameras of each state, an alert with an incident, an alarm
 * about it, a shelf, users, a token, an audit entry, a dead letter, counts.
 *
 * @returns the alert; its camera is `north`
 */
export async function fillWorld(world: FakeWorld): Promise<Aggregate> {
  world.cameras.set('north', record(config('north', { groups: ['east'], scene: SceneConfig.parse(SCENE) })));
  world.add('south', 'west');
  for (const [id, state] of [
    ['south', 'fault'],
    ['west', 'connecting'],
  ] as const) {
    const known = world.cameras.get(id);
    if (known !== undefined) world.cameras.set(id, { ...known, status: statusOf(id, state) });
  }
  world.treeNow = tree(['north', 'south', 'west']);
  await world.releases.start(orderOf('small-model', { mode: 'shadow' }), [], { by: ADMIN.user, at: Date.now() });
  const figures = new ReleaseFigures();
  figures.add(pairOf('small-model', judgementOf('low'), judgementOf('high')), 50);
  world.releaseFigures.set('small-model', figures);
  world.usedBy = ['north'];
  world.counts.set('north', [countedBin(new Date(Date.now() - 120_000).toISOString())]);
  world.deadLetters.set(DEAD_LETTER.id, DEAD_LETTER);
  world.audited.push(change);
  const alert = await addAlert(world);
  world.alarms.alarms = [alarmOf(alert)];
  await world.desk.addShelf({
    shelfId: randomUUID(),
    cameraId: 'south',
    kind: null,
    until: new Date(Date.now() + 3_600_000).toISOString(),
    reason: 'road works',
    by: 'root',
    at: new Date().toISOString(),
  });
  world.monitoring.alerts = [
    systemAlert('camera_dark', { cameraId: 'south' }),
    systemAlert('cpu_usage', { severity: 'warning', state: 'pending', value: 0.9, threshold: 0.8, unit: 'share' }),
  ];
  const notice = 'No picture of a camera is analysed (south): 75 seconds, where 60 seconds is the threshold';
  world.health = { ...healthy, alerts: world.monitoring.alerts.slice(0, 1).map((one) => ({ ...one, notice })) };
  world.monitoring.values.set('camera_dark', [75]);
  const until = new Date(Date.now() + 3_600_000).toISOString();
  world.monitoring.silences.push({
    silenceId: randomUUID(),
    rule: 'disk_full',
    cameraId: null,
    until,
    reason: 'a new disk comes',
    by: 'root',
  });
  const { users, hasher, tokens } = world.accounts;
  const passwordHash = await hasher.hash(ADMIN.password);
  await users.add({ name: ADMIN.user, role: 'admin', groups: null, passwordHash, identity: null });
  await users.add({ name: 'anna', role: 'viewer', groups: ['east'], passwordHash: null, identity: null });
  const rights = { role: 'viewer', groups: null } as const;
  await tokens.add({ name: 'dashboard', ...rights, expiresAt: '2100-01-02T03:04:05.000Z' }, ADMIN.user);
  return alert;
}

async function addAlert(world: FakeWorld): Promise<Aggregate> {
  const frame = aggregate('north', { risk: 'high' });
  const trajectories = [7, 8].map((trackId, index) => ({
    trackId,
    points: Array.from({ length: 5 }, (_, second): [number, number, number, number, number] => [
      second,
      index === 0 ? second * 4 - 8 : 1,
      index === 0 ? 20 : 12 + second * 4,
      300,
      200,
    ]),
  }));
  const incident = incidentOf(frame.requestId);
  const verdict = { ...incident.verdict, level: 'high' as const };
  const alert = { ...frame, incidents: [{ ...incident, verdict, state: 'open' as const, trajectories }] };
  world.saw(alert, await plainJpeg(60, 80, 160));
  return world.keepAlert(alert);
}

const alarmOf = ({ requestId, cameraId, timestamp }: Aggregate): Alarm => ({
  alarmId: `i-${requestId}`,
  reason: 'incident',
  openedAt: timestamp,
  updatedAt: timestamp,
  level: 'high',
  cameraIds: [cameraId],
  cameras: 1,
  kinds: ['near-miss'],
  count: 1,
  members: [{ alertId: requestId, incidentId: null, cameraId, kind: 'near-miss', level: 'high', at: timestamp }],
  state: 'open',
});
