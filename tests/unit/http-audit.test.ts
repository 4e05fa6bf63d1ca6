import assert from 'node:assert/strict';
import { test } from 'node:test';
import fastify from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyPort } from '../../src/http/ports.ts';
import { keyRoutes } from '../../src/http/resources/keys-routes.ts';
import type { RequestNote } from '../../src/http/server.types.ts';
import { UNAUDITED } from '../../src/http/request-audit.ts';
import { auditEntry } from '../../src/infra/audit-entry.ts';
import { AuditEntry, MOST_AUDIT_VALUE } from '../../src/messages/audit.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { SCENE } from '../support/http-samples.ts';

const AT = Date.parse('2026-11-27T20:00:00Z');
const ALICE = { who: 'alice', role: 'operator', via: 'session', address: '10.0.0.7' } as const;
const noted = (before: unknown, after: unknown): AuditEntry =>
  auditEntry(ALICE, { action: 'camera.change', target: 'cam-1', cameraId: 'cam-1', before, after }, AT);

test('an entry says who changed what from where, and hides secrets in the values', () => {
  const entry = noted(
    { url: 'rtsp://u:hunter2@10.0.0.1/live', password: 'hunter2', hook_url: 'https://x.org/hunter2' },
    { url: 'rtsp://u:hunter2@10.0.0.2/live', keys: [{ apiKey: 'hunter2', rpm: 3 }] },
  );
  assert.deepEqual(AuditEntry.parse(structuredClone(entry)), entry);
  assert.ok(!JSON.stringify(entry).includes('hunter2'), JSON.stringify(entry));
  assert.deepEqual(entry, {
    at: '2026-11-27T20:00:00.000Z',
    ...ALICE,
    action: 'camera.change',
    target: 'cam-1',
    cameraId: 'cam-1',
    before: { url: 'rtsp://u:***@10.0.0.1/live', password: '***', hook_url: 'https://x.org/…' },
    after: { url: 'rtsp://u:***@10.0.0.2/live', keys: [{ apiKey: '***', rpm: 3 }] },
  });
});

test('values of any size and shape stay within their bound', () => {
  const huge = [
    Array.from({ length: 150 }, () => '"\\"\\'.repeat(100)),
    Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`n${i}`, '\u0001\u{1F6A6}'.repeat(90)])),
    'x'.repeat(1_000_000),
  ];
  for (const value of huge) {
    const { before, after } = noted(value, undefined);
    assert.ok(Buffer.byteLength(JSON.stringify(before)) <= MOST_AUDIT_VALUE);
    assert.ok(JSON.stringify(before).length > 400, 'the beginning is kept');
    assert.equal(after, null);
  }
  const long = auditEntry({ ...ALICE, who: '' }, { action: 'login.failed', target: 'y'.repeat(10_000) }, AT);
  assert.deepEqual(AuditEntry.parse(long), long);
});

test('a change that succeeded is recorded even where its route records nothing', async (t) => {
  const world = new FakeWorld();
  const server = await fakeServer(world);
  t.after(server.close);
  const free = { config: { access: 'viewer', scope: 'none' } } as const;
  server.app.post('/api/forgetful/:id', free, async (_request, reply) => reply.code(201).send({}));
  server.app.delete('/api/refused', free, async (_request, reply) => reply.code(409).send({}));
  server.app.put('/api/careful', free, async (request) => {
    request.audit({ action: 'careful.change', target: 'it', after: { n: 1 } });
    return {};
  });
  const headers = { host: 'localhost' };
  await server.app.inject({ method: 'POST', url: '/api/forgetful/7?token=x', headers });
  await server.app.inject({ method: 'DELETE', url: '/api/refused', headers });
  await server.app.inject({ method: 'PUT', url: '/api/careful', headers });
  await server.app.inject({ method: 'GET', url: '/api/cameras', headers });
  await server.app.inject({ method: 'POST', url: '/api/tickets', headers });
  assert.deepEqual(
    world.audited.map(({ who, role, via, address, action, target, after }) => [
      who,
      role,
      via,
      address,
      action,
      target,
      after,
    ]),
    [
      ['anyone', 'admin', 'open', '127.0.0.1', 'request.post', '/api/forgetful/7', null],
      ['anyone', 'admin', 'open', '127.0.0.1', 'careful.change', 'it', { n: 1 }],
    ],
  );
});

test('each route that is not recorded exists, and has a reason', async (t) => {
  const server = await fakeServer(new FakeWorld());
  t.after(server.close);
  for (const [route, reason] of UNAUDITED) {
    const [method = '', url = ''] = route.split(' ');
    assert.ok(server.app.hasRoute({ method, url }), `${route} exists`);
    assert.ok(reason.length > 10, route);
  }
});

test('each change is recorded with its values', async (t) => {
  const world = new FakeWorld().add('north');
  const letter = { id: 7, at: 0, stream: 'TASKS', consumer: 'c', subject: 'assessment-tasks.p3.north', reason: 'odd' };
  world.deadLetters.set(7, {
    ...letter,
    deliveries: 1,
    cameraId: 'north',
    requestId: null,
    traceId: null,
    headers: {},
    body: new Uint8Array(),
    cut: null,
  });
  const server = await fakeServer(world);
  t.after(server.close);
  const call = async (method: 'POST' | 'PATCH' | 'PUT' | 'DELETE', url: string, payload?: object): Promise<void> => {
    const reply = await server.app.inject({ method, url, headers: { host: 'localhost' }, ...(payload && { payload }) });
    assert.ok(reply.statusCode < 300, `${method} ${url}: ${reply.body}`);
  };
  await call('POST', '/api/cameras', { cameraId: 'south', url: 'rtsp://u:hunter2@192.0.2.9/x' });
  await call('PATCH', '/api/cameras/south', { name: 'South gate' });
  await call('PUT', '/api/cameras/south/scene', { ...SCENE, speedLimitKmh: 30 });
  await call('PUT', '/api/cameras/south/scene', SCENE);
  await call('DELETE', '/api/cameras/south/scene');
  await call('DELETE', '/api/cameras/south');
  await call('POST', '/api/dead-letters/7/replay');
  await call('POST', '/api/supervisor/restart', { path: '/scheduler' });
  assert.ok(!JSON.stringify(world.audited).includes('hunter2'));
  const [added, renamed, ...rest] = world.audited;
  assert.equal(added?.action, 'camera.add');
  assert.deepEqual(
    { url: Reflect.get(added.after as object, 'url'), cameraId: added.cameraId },
    { url: 'rtsp://u:***@192.0.2.9/x', cameraId: 'south' },
  );
  assert.deepEqual([renamed?.before, renamed?.after], [{ name: 'south' }, { name: 'South gate' }]);
  assert.deepEqual([rest[1]?.before, rest[1]?.after], [{ speedLimitKmh: 30 }, { speedLimitKmh: 60 }]);
  assert.deepEqual(
    rest.map(({ action, target, cameraId }) => [action, target, cameraId]),
    [
      ['scene.change', 'south', 'south'],
      ['scene.change', 'south', 'south'],
      ['scene.remove', 'south', 'south'],
      ['camera.remove', 'south', 'south'],
      ['dead-letter.replay', '7', 'north'],
      ['actor.restart', '/scheduler', null],
    ],
  );
});

test('a change of a key shows the fields before and after, and never the key', async (t) => {
  const view = { name: 'k1', rpm_limit: 60, enabled: true };
  const keys = {
    list: async () => ({ keys: [view], notices: [] }),
    add: async () => ({ key: view, persisted: true, shared: null, notices: [] }),
    change: async () => ({ key: view, persisted: true, shared: null, notices: [] }),
    remove: async () => ({ persisted: true, shared: null, notices: [] }),
  };
  const recorded: RequestNote[] = [];
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.decorateRequest('audit', (note: RequestNote) => void recorded.push(note));
  keyRoutes(app.withTypeProvider<ZodTypeProvider>(), keys as unknown as KeyPort);
  t.after(() => app.close());
  await app.inject({ method: 'POST', url: '/api/keys', payload: { name: 'k1', key: 'hunter2' } });
  await app.inject({ method: 'PATCH', url: '/api/keys/k1', payload: { rpm_limit: 90, drain: true } });
  await app.inject({ method: 'DELETE', url: '/api/keys/k1' });
  const entries = recorded.map((note) => auditEntry(ALICE, note, AT));
  assert.deepEqual(
    entries.map(({ action, target }) => [action, target]),
    ['key.add', 'key.change', 'key.remove'].map((action) => [action, 'k1']),
  );
  assert.ok(!JSON.stringify(entries).includes('hunter2'));
  assert.deepEqual([entries[1]?.before, entries[1]?.after], [{ rpm_limit: 60 }, { rpm_limit: 90, drain: true }]);
});

test('changes are listed by time, person, kind and camera, a page at a time', async (t) => {
  const world = new FakeWorld();
  const server = await fakeServer(world);
  t.after(server.close);
  world.audited.push(noted(null, { n: 1 }), noted(null, { n: 2 }));
  const get = (query: string) =>
    server.app.inject({ method: 'GET', url: `/api/audit?${query}`, headers: { host: 'localhost' } });
  const from = '2026-11-27T19:00:00Z';
  const reply = await get(`from=${from}&to=2026-11-27T21:00:00%2B01:00&who=alice&action=camera.change&cameraId=cam-1`);
  assert.equal(reply.statusCode, 200, reply.body);
  assert.deepEqual(reply.json(), { entries: world.audited.toReversed(), next: null });
  await get('limit=1&before=9');
  assert.deepEqual(world.auditQueries[0], {
    from: Date.parse(from),
    to: AT,
    who: 'alice',
    action: 'camera.change',
    cameraId: 'cam-1',
    limit: 50,
    before: null,
  });
  assert.equal(world.auditQueries[1]?.before, 9);
  for (const [query, field] of [
    ['action=camera.*', 'action'],
    ['cameraId=a.b', 'cameraId'],
    ['limit=201', 'limit'],
    ['from=2026-11-27T19:00:00Z&to=2026-11-27T18:00:00Z', 'to'],
    ['whom=x', 'whom'],
  ] as const) {
    const refused = await get(query);
    assert.deepEqual([refused.statusCode, refused.json().field], [400, field], query);
  }
});

/** Routes whose handlers name their change: of the others, a test fails. */
const NAMED = [
  'POST /api/cameras',
  'PATCH /api/cameras/:id',
  'DELETE /api/cameras/:id',
  'PUT /api/cameras/:id/scene',
  'DELETE /api/cameras/:id/scene',
  'POST /api/keys',
  'PATCH /api/keys/:name',
  'DELETE /api/keys/:name',
  'POST /api/dead-letters/:id/replay',
  'POST /api/supervisor/restart',
  'POST /api/login',
  'POST /api/logout',
  'POST /api/setup',
  'PUT /api/session/password',
  'POST /api/users',
  'PATCH /api/users/:name',
  'DELETE /api/users/:name',
  'POST /api/users/:name/reset',
  'POST /api/tokens',
  'DELETE /api/tokens/:id',
  'POST /api/alerts/:id/acknowledge',
  'DELETE /api/alerts/:id/acknowledge',
  'PUT /api/alerts/:id/verdict',
  'POST /api/alarms/:id/acknowledge',
  'POST /api/monitoring/silences',
  'DELETE /api/monitoring/silences/:id',
  'POST /api/shelves',
  'DELETE /api/shelves/:id',
  'POST /api/releases',
  'PATCH /api/releases/:id',
  'POST /api/releases/:id/promote',
  'POST /api/releases/:id/rollback',
  'DELETE /api/releases/:id',
];

test('each changing route names its change, or says why it is not recorded', async (t) => {
  const server = await fakeServer(new FakeWorld());
  t.after(server.close);
  await server.app.ready();
  const changing = server.routes.filter(({ method }) => !['GET', 'HEAD', 'OPTIONS'].includes(method));
  assert.ok(changing.length > 10, 'the routes are seen');
  const open = changing.map(({ method, url }) => `${method} ${url}`).filter((route) => !UNAUDITED.has(route));
  assert.deepEqual(
    open.filter((route) => !NAMED.includes(route)),
    [],
  );
});
