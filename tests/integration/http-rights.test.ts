import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { call, type Reply } from '../support/http-call.ts';
import { ALERTS, AS, asHeader, LETTERS, NORTH, scopedServer, SOUTH } from '../support/scoped-world.ts';

/**
 * The status of each request about the camera north, which is in the group north, for nobody and for each role: those
 * that see all cameras, those of the group north, and those of the group south. 400 and 426 show that the request
 * passed the rights: its body is empty, or it asks for a WebSocket without an upgrade.
 */
const RIGHTS: Readonly<Record<string, string>> = {
  //                                          nobody | all cameras | of north    | of south
  //                                                   view op  adm  view op  adm  view op  adm
  'GET /api/cameras': /*                     */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/cameras': /*                    */ '401 | 403 403 201 | 403 403 201 | 403 403 403',
  'GET /api/cameras/:id': /*                 */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'PATCH /api/cameras/:id': /*               */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'DELETE /api/cameras/:id': /*              */ '401 | 403 403 204 | 403 403 204 | 403 403 404',
  'GET /api/cameras/:id/scene': /*           */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'PUT /api/cameras/:id/scene': /*           */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'DELETE /api/cameras/:id/scene': /*        */ '401 | 403 204 204 | 403 204 204 | 403 404 404',
  'POST /api/cameras/:id/scene/dry-run': /*  */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'GET /api/cameras/:id/latest': /*          */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/cameras/:id/alerts': /*          */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/cameras/:id/alerts/history': /*  */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/cameras/:id/counts': /*          */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/cameras/:id/snapshot.jpg': /*    */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/camera-groups': /*               */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/alerts/history': /*              */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/alerts/:id': /*                  */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/alerts/:id/clip.mp4': /*         */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'GET /api/images/:imageId': /*             */ '401 | 200 200 200 | 200 200 200 | 404 404 404',
  'POST /api/assessments': /*                */ '401 | 403 400 400 | 403 400 400 | 403 400 400',
  'GET /api/assessments/:id': /*             */ '401 | 200 200 200 | 404 200 404 | 404 404 404',
  'GET /api/budget': /*                      */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/usage': /*                       */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/health': /*                      */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/health/health_check': /*         */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/scheduler/health': /*            */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/scheduler/stats': /*             */ '401 | 200 200 200 | 403 403 403 | 403 403 403',
  'GET /api/key-pool/health': /*             */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/keys': /*                        */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'POST /api/keys': /*                       */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'PATCH /api/keys/:name': /*                */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'DELETE /api/keys/:name': /*               */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'GET /api/releases': /*                    */ '401 | 403 200 200 | 403 403 403 | 403 403 403',
  'POST /api/releases': /*                   */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'GET /api/releases/:id': /*                */ '401 | 403 404 404 | 403 403 403 | 403 403 403',
  'PATCH /api/releases/:id': /*              */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'DELETE /api/releases/:id': /*             */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'POST /api/releases/:id/promote': /*       */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'POST /api/releases/:id/rollback': /*      */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'GET /api/audit': /*                       */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'GET /api/dead-letters': /*                */ '401 | 403 403 200 | 403 403 200 | 403 403 200',
  'GET /api/dead-letters/:id': /*            */ '401 | 403 403 200 | 403 403 200 | 403 403 404',
  'POST /api/dead-letters/:id/replay': /*    */ '401 | 403 403 200 | 403 403 200 | 403 403 404',
  'GET /api/supervisor/tree': /*             */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/supervisor/restart': /*         */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'HEAD /api/supervisor/events': /*          */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/tickets': /*                    */ '401 | 201 201 201 | 201 201 201 | 201 201 201',
  'GET /api/session': /*                     */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/login': /*                      */ '400 | 400 400 400 | 400 400 400 | 400 400 400',
  'POST /api/setup': /*                      */ '400 | 400 400 400 | 400 400 400 | 400 400 400',
  'POST /api/logout': /*                     */ '401 | 204 204 204 | 204 204 204 | 204 204 204',
  'PUT /api/session/password': /*            */ '401 | 400 400 400 | 400 400 400 | 400 400 400',
  'GET /api/preferences': /*                 */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'PUT /api/preferences': /*                 */ '401 | 400 400 400 | 400 400 400 | 400 400 400',
  'GET /api/users': /*                       */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'POST /api/users': /*                      */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'PATCH /api/users/:name': /*               */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'DELETE /api/users/:name': /*              */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'POST /api/users/:name/reset': /*          */ '401 | 403 403 404 | 403 403 403 | 403 403 403',
  'GET /api/tokens': /*                      */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'POST /api/tokens': /*                     */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'DELETE /api/tokens/:id': /*               */ '401 | 403 403 400 | 403 403 403 | 403 403 403',
  'GET /api/alerts': /*                      */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/alerts.csv': /*                  */ '401 | 403 200 200 | 403 200 200 | 403 200 200',
  'GET /api/alerts/:id/evidence.zip': /*     */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'POST /api/alerts/:id/acknowledge': /*     */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'DELETE /api/alerts/:id/acknowledge': /*   */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'PUT /api/alerts/:id/verdict': /*          */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'GET /api/prompts/:hash': /*               */ '401 | 404 404 404 | 404 404 404 | 404 404 404',
  'GET /api/shelves': /*                     */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/shelves': /*                    */ '401 | 403 201 201 | 403 201 201 | 403 404 404',
  'DELETE /api/shelves/:id': /*              */ '401 | 403 204 204 | 403 204 204 | 403 404 404',
  'GET /api/alarms': /*                      */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /api/alarms/load': /*                 */ '401 | 200 200 200 | 200 200 200 | 200 200 200',
  'POST /api/alarms/:id/acknowledge': /*     */ '401 | 403 200 200 | 403 200 200 | 403 404 404',
  'GET /api/monitoring': /*                  */ '401 | 403 200 200 | 403 200 200 | 403 200 200',
  'POST /api/monitoring/silences': /*        */ '401 | 403 201 201 | 403 201 201 | 403 404 404',
  'DELETE /api/monitoring/silences/:id': /*  */ '401 | 403 204 204 | 403 204 204 | 403 404 404',
  'GET /api/system/flow': /*                 */ '401 | 403 200 200 | 403 200 200 | 403 200 200',
  'GET /api/system/nodes': /*                */ '401 | 403 200 200 | 403 200 200 | 403 200 200',
  'GET /api/system/settings': /*             */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'GET /metrics': /*                         */ '401 | 403 403 200 | 403 403 403 | 403 403 403',
  'GET /ws': /*                              */ '401 | 426 426 426 | 426 426 426 | 426 426 426',
  'GET /ws/live/:cameraId': /*               */ '401 | 426 426 426 | 426 426 426 | 404 404 404',
  'GET /livez': /*                           */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /readyz': /*                          */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /': /*                                */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /index.html': /*                      */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
  'GET /docs/json': /*                       */ '200 | 200 200 200 | 200 200 200 | 200 200 200',
};
/** Files of the page and of the API's description: public as `GET /` and `GET /docs/json`. */
const FILES = /^(?:GET|HEAD) \/(?:\*|vendor\/.*|docs.*)$/u;
/** A request in place of another one, which would not end. */
const IN_PLACE_OF: Readonly<Record<string, string>> = { 'GET /api/supervisor/events': 'HEAD /api/supervisor/events' };

const ROLES = ['viewer', 'operator', 'admin'] as const;
const WHO = [null, ...[null, [NORTH], [SOUTH]].flatMap((groups) => ROLES.map((role) => ({ role, groups })))];

const ASSESSMENT = '31a21da4-536b-4b5e-88cc-cfb75567940a';
const SCENE = { width: 640, height: 352, zones: [] };
/** Bodies by route, where it needs one. `{}` is a bad one. */
const BODIES: Readonly<Record<string, object>> = {
  'POST /api/cameras': { cameraId: 'new', url: 'rtsp://192.0.2.9/main', groups: [NORTH] },
  'PATCH /api/cameras/:id': { enabled: false },
  'PUT /api/cameras/:id/scene': SCENE,
  'POST /api/cameras/:id/scene/dry-run': { scene: SCENE, minutes: 1 },
  'POST /api/assessments': {},
  'POST /api/keys': {},
  'PUT /api/alerts/:id/verdict': { value: 'true' },
  'POST /api/shelves': { cameraId: NORTH, until: new Date(Date.now() + 3_600_000).toISOString() },
  'POST /api/monitoring/silences': {
    rule: 'camera_dark',
    cameraId: NORTH,
    until: new Date(Date.now() + 3_600_000).toISOString(),
    reason: 'being rebuilt',
  },
  'POST /api/login': {},
  'POST /api/setup': {},
  'PUT /api/session/password': {},
  'PUT /api/preferences': {},
  'POST /api/users': {},
  'PATCH /api/users/:name': {},
  'POST /api/tokens': {},
  'POST /api/releases': {},
  'PATCH /api/releases/:id': { percent: 50 },
  'PATCH /api/keys/:name': { enabled: false },
  'POST /api/supervisor/restart': { path: `/cameras/${NORTH}` },
};

/** The address of a request about a camera. */
function addressOf(route: string, camera: typeof NORTH | typeof SOUTH = NORTH): string {
  const pattern = route.split(' ')[1] ?? '';
  const id = pattern.startsWith('/api/cameras')
    ? camera
    : pattern.startsWith('/api/dead-letters')
      ? String(LETTERS[camera])
      : pattern.startsWith('/api/assessments')
        ? ASSESSMENT
        : ALERTS[camera];
  return pattern
    .replace(':imageId', `${ALERTS[camera]}.frame`)
    .replace(':cameraId', camera)
    .replace(':hash', '89f7e595611d')
    .replace(':name', 'main')
    .replace('/alarms/:id', `/alarms/i-${ALERTS[camera]}`)
    .replace(':id', id);
}

describe('rights', () => {
  let served: Awaited<ReturnType<typeof scopedServer>>;
  let base = '';
  before(async () => {
    served = await scopedServer();
    base = await served.server.listen('127.0.0.1', 0);
  });
  after(() => served.server.close());

  const send = (method: string, address: string, as: string | null, body?: object): Promise<Reply> =>
    call(base, address, {
      method,
      headers: {
        ...(as === null ? {} : { [AS]: as }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const ask = (route: string, who: (typeof WHO)[number], address = addressOf(route)): Promise<Reply> =>
    send(route.split(' ')[0] ?? '', address, who === null ? null : asHeader(who), BODIES[route]);
  const reset = (): void => {
    const { world, server } = served;
    world.reset();
    world.cameras.delete('new');
    world.assessments.set(ASSESSMENT, { ...ASSESSED, by: `operator-of-${NORTH}` });
    for (const camera of [NORTH, SOUTH]) server.scope.note(camera, [camera]);
  };

  it('are in the table for every route', () => {
    const routes = served.server.routes.map(({ method, url }) => `${method} ${url}`);
    assert.ok(routes.length > 50);
    const asked = routes
      .filter((route) => !FILES.test(route))
      // A HEAD has the rights of its GET.
      .filter((route) => !route.startsWith('HEAD ') || !routes.includes(route.replace('HEAD', 'GET')))
      .map((route) => IN_PLACE_OF[route] ?? route);
    const inTable = Object.keys(RIGHTS).filter((route) => !FILES.test(route));
    assert.deepEqual(asked.toSorted(), inTable.toSorted());
    for (const { method, url, access, scope } of served.server.routes) {
      if (FILES.test(`${method} ${url}`)) assert.equal(access, 'public', url);
      if (method !== 'HEAD') continue;
      const got = served.server.routes.find((route) => route.method === 'GET' && route.url === url);
      assert.deepEqual({ access, scope }, { access: got?.access, scope: got?.scope }, `HEAD ${url}`);
    }
  });

  for (const [route, expected] of Object.entries(RIGHTS))
    it(`of ${route}`, async () => {
      const found: number[] = [];
      // One after the other where a request may change the world.
      const isReading = /^(?:GET|HEAD) /u.test(route);
      reset();
      if (isReading) found.push(...(await Promise.all(WHO.map(async (who) => (await ask(route, who)).status))));
      else
        for (const who of WHO) {
          reset();
          if (route.startsWith('DELETE /api/shelves')) await served.world.shelve();
          found.push((await ask(route, who)).status);
        }
      const [nobody, ...others] = found;
      const rows = [0, 3, 6].map((at) => others.slice(at, at + 3).join(' '));
      assert.equal([nobody, ...rows].join(' | '), expected);
    });

  it('hide another group in every reply', async () => {
    reset();
    const routes = Object.keys(RIGHTS).filter((name) => name.startsWith('GET /api/'));
    const [own, all] = await Promise.all(
      [[NORTH], null].map((groups) => Promise.all(routes.map((route) => ask(route, { role: 'admin', groups })))),
    );
    const told = routes.filter((_, index) => /south/u.test(all?.[index]?.text ?? ''));
    assert.ok(told.includes('GET /api/budget') && told.includes('GET /api/health'), 'all cameras are told of both');
    for (const each of ['alerts', 'alerts.csv', 'alarms', 'shelves', 'monitoring'])
      assert.ok(told.includes(`GET /api/${each}`), each);
    for (const [index, route] of routes.entries()) assert.doesNotMatch(own?.[index]?.text ?? '', /south/u, route);
    assert.ok((own ?? []).filter(({ status }) => status === 200).length > 20);
  });

  it('show a camera of another group as one that does not exist', async () => {
    reset();
    const of = async (id: string): Promise<string> =>
      (await ask('GET /api/cameras/:id', { role: 'admin', groups: [NORTH] }, `/api/cameras/${id}`)).text;
    assert.equal((await of(SOUTH)).replaceAll(SOUTH, 'ID'), (await of('nowhere')).replaceAll('nowhere', 'ID'));
  });

  it('let an operator change the scene of a camera and whether it is watched, and nothing else', async () => {
    reset();
    const change = async (body: object): Promise<string> => {
      const reply = await send('PATCH', `/api/cameras/${NORTH}`, `operator ${NORTH}`, body);
      return `${reply.status} ${reply.status === 200 ? '' : String(reply.json['message'])}`.trim();
    };
    assert.equal(await change({ scene: SCENE, enabled: true }), '200');
    assert.equal(
      await change({ enabled: true, url: 'rtsp://192.0.2.9/other' }),
      '403 role: changing url takes the role admin, and yours is operator',
    );
    assert.equal(await change({ groups: [] }), '403 role: changing groups takes the role admin, and yours is operator');
  });

  it('let an admin of groups place cameras in them only, and move none out of their scope', async () => {
    reset();
    const { server, world } = served;
    const place = async (groups: readonly string[] | null, own: readonly string[]): Promise<number> => {
      const known = world.cameras.get(NORTH);
      assert.ok(known);
      world.cameras.set(NORTH, { ...known, config: { ...known.config, groups: [...own] } });
      server.scope.note(NORTH, own);
      return (await send('PATCH', `/api/cameras/${NORTH}`, `admin ${NORTH} east`, { groups })).status;
    };
    assert.equal(await place([NORTH, 'east'], [NORTH]), 200);
    assert.equal(await place(['east'], [NORTH]), 200);
    assert.equal(await place([NORTH, SOUTH], [NORTH, SOUTH]), 200, 'the groups of others stay');
    assert.equal(await place([NORTH], [NORTH, SOUTH]), 403, 'taken out of a group of others');
    assert.equal(await place([NORTH, SOUTH], [NORTH]), 403, 'put into a group of others');
    assert.equal(await place([], [NORTH]), 403, 'out of every group');
    assert.equal(await place(null, [NORTH]), 403);
    assert.equal(await place([SOUTH], [NORTH, SOUTH]), 403, 'out of the own scope');
    assert.equal(server.scope.sees({ groups: [NORTH] }, NORTH), true);
  });

  it('let an operator restart actors of cameras in scope, and only an admin of all anything else', async () => {
    reset();
    const restart = async (who: string, path: string): Promise<number> =>
      (await send('POST', '/api/supervisor/restart', who, { path })).status;
    assert.equal(await restart(`operator ${NORTH}`, '/cameras/north'), 200);
    assert.equal(await restart(`operator ${NORTH}`, '/cameras/south'), 404);
    assert.equal(await restart('operator', '/cameras/south'), 200);
    for (const path of ['/cameras', '/scheduler']) {
      assert.equal(await restart('operator', path), 403);
      assert.equal(await restart(`admin ${NORTH}`, path), 403);
      assert.equal(await restart('admin', path), 200);
    }
  });

  it('keep the tree to the cameras in scope, and count the others', async () => {
    reset();
    const tree = await ask('GET /api/supervisor/tree', { role: 'viewer', groups: [NORTH] });
    assert.equal(tree.json['others'], 1);
    assert.match(tree.text, /\/cameras\/north/u);
    assert.equal((await ask('GET /api/supervisor/tree', { role: 'viewer', groups: null })).json['others'], 0);
  });
});

it('a route that declares no rights keeps the server from starting', async () => {
  const { server } = await scopedServer();
  server.app.get('/api/forgotten', async () => 'anything');
  await assert.rejects(async () => server.app.ready(), /GET \/api\/forgotten does not declare its access and scope/u);
});

const ASSESSED = {
  id: ASSESSMENT,
  traceId: 'a'.repeat(32),
  state: 'queued',
  priority: 3,
  createdAt: '2026-01-02T03:04:05.000Z',
  expiresAt: '2026-01-02T03:05:05.000Z',
  finishedAt: null,
  imageWidth: 640,
  imageHeight: 352,
  imageId: `${ASSESSMENT}.g1`,
  assessment: null,
  source: null,
  llmModel: null,
  llmLatency: null,
  error: null,
  hook: null,
} as const;
