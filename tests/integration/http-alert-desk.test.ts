import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { AlertRow } from '../../src/http/schemas/alert-desk-schema.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Shelf } from '../../src/messages/alert-handling.ts';
import { ANYONE } from '../../src/messages/principal.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { FakeSocket } from '../support/feed-socket.ts';
import { call, post } from '../support/http-call.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';
import { readCsv, readZip } from '../support/read-zip.ts';

const T = Date.parse('2026-05-01T10:00:00.000Z');
const put = (body: object): RequestInit => ({ ...post(body), method: 'PUT' });
const HOUR_MS = 3_600_000;

describe('alerts, over HTTP', () => {
  const world = new FakeWorld().add('north', 'south');
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let base = '';
  before(async () => {
    server = await fakeServer(world);
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());

  let made = 0;
  const keep = (cameraId: string, over: Partial<Aggregate> = {}): Aggregate => {
    made += 1;
    const frame = aggregate(cameraId, { risk: 'high', ...over });
    return world.keepAlert({ ...frame, timestamp: new Date(T + made * 1_000).toISOString() });
  };
  const withIncident = (cameraId: string, description: string): Aggregate => {
    const { requestId } = aggregate(cameraId);
    const incident = incidentOf(requestId, `${cameraId}-i-${made}`);
    return keep(cameraId, {
      requestId,
      incidents: [{ ...incident, verdict: { ...incident.verdict, description } }],
    });
  };
  const list = async (query = ''): Promise<AlertRow[]> =>
    ((await call(base, `/api/alerts?${query}`)).json as unknown as { alerts: AlertRow[] }).alerts;
  const ids = (rows: readonly AlertRow[]): string[] => rows.map(({ alertId }) => alertId);

  it('are listed newest first, by pages, and found by each filter', async () => {
    const group = keep('north');
    const incident = withIncident('south', 'A van nearly hits a cyclist.');
    const last = withIncident('south', 'Two lorries almost touch.');
    const all = [last, incident, group].map(({ requestId }) => requestId);
    assert.deepEqual(ids(await list()), all);
    const pages: string[][] = [];
    for (let next: string | null = ''; next !== null;) {
      const reply = await call(base, `/api/alerts?limit=2${next === '' ? '' : `&before=${next}`}`);
      const page = reply.json as unknown as { alerts: AlertRow[]; next: string | null; complete: boolean };
      assert.equal(page.complete, true);
      pages.push(ids(page.alerts));
      next = page.next;
    }
    assert.deepEqual(pages, [all.slice(0, 2), all.slice(2)]);
    const queries: readonly (readonly [string, readonly Aggregate[]])[] = [
      ['cameraId=north,nobody', [group]],
      ['kind=near-miss', [last, incident]],
      ['kind=queue,collision', []],
      ['level=high&cameraId=south', [last, incident]],
      ['text=CYCLIST%20van', [incident]],
      ['text=south', [last, incident]],
      [`from=${incident.timestamp}&to=${incident.timestamp}`, [incident]],
      ['state=open&verdict=none', [last, incident, group]],
      ['state=acknowledged,shelved', []],
    ];
    for (const [query, found] of queries)
      assert.deepEqual(
        ids(await list(query)),
        found.map(({ requestId }) => requestId),
        query,
      );
    const [row] = await list();
    assert.deepEqual(
      [row?.kinds, row?.incidents[0]?.verdict, row?.description, row?.timestamp, row?.shelved],
      [['near-miss'], 'confirmed', 'Two lorries almost touch.', last.timestamp, false],
    );
  });

  it('are not searched with a wrong filter', async () => {
    const wrong: readonly (readonly [string, string])[] = [
      ['kind=near-miss,nonsense', 'kind'],
      ['level=', 'level'],
      ['state=closed', 'state'],
      ['verdict=maybe', 'verdict'],
      ['cameraId=a%20b', 'cameraId'],
      [`cameraId=${Array.from({ length: 501 }, () => 'a').join(',')}`, 'cameraId'],
      [`text=${'x'.repeat(201)}`, 'text'],
      ['from=yesterday', 'from'],
      ['limit=201', 'limit'],
      ['before=7', 'before'],
      ['colour=red', 'colour'],
    ];
    for (const [query, field] of wrong) {
      const { status, json } = await call(base, `/api/alerts?${query}`);
      assert.deepEqual([status, json['field']], [400, field], query);
    }
  });

  it('are acknowledged and judged, by their id or an incident, and viewers and the audit are told', async (t) => {
    const alert = withIncident('north', 'A near miss.');
    const { requestId } = alert;
    const incidentId = alert.incidents[0]!.incidentId;
    const socket = new FakeSocket();
    const viewer = server.feed.connect(socket, ANYONE);
    t.after(() => server.feed.disconnect(viewer));
    viewer.receive('{"type":"subscribe"}');
    const unsubscribe = world.desk.subscribe({
      onHandling: (handling) => server.feed.publishHandling(handling),
      onShelves: (shelves) => server.feed.publishShelves(shelves),
    });
    t.after(unsubscribe);

    const done = await call(base, `/api/alerts/${incidentId}/acknowledge`, { method: 'POST' });
    assert.equal(done.status, 200, done.text);
    assert.deepEqual(
      [done.json['alertId'], (done.json['acknowledged'] as { by: string }).by, done.json['revision']],
      [requestId, 'anyone', 1],
    );
    assert.deepEqual(socket.of('alert_handling'), [done.json]);
    const again = await call(base, `/api/alerts/${requestId}/acknowledge`, { method: 'POST' });
    assert.deepEqual(again.json, done.json);
    assert.deepEqual(ids(await list('state=acknowledged')), [requestId]);

    const judged = await call(base, `/api/alerts/${requestId}/verdict`, put({ value: 'false', comment: 'a shadow' }));
    assert.equal(judged.status, 200, judged.text);
    assert.deepEqual(ids(await list('verdict=false')), [requestId]);
    const record = await call(base, `/api/alerts/${requestId}`);
    assert.deepEqual(record.json['handling'], judged.json);
    const late = await call(base, `/api/alerts/${requestId}/verdict`, put({ value: 'true', revision: 1 }));
    assert.deepEqual([late.status, late.json['code'], late.json['field']], [409, 'ALERT_CHANGED', 'revision']);

    const back = await call(base, `/api/alerts/${requestId}/acknowledge`, { method: 'DELETE' });
    assert.equal(back.json['acknowledged'], null);
    const told = world.audited.filter(({ target }) => target === requestId);
    assert.deepEqual(
      told.map(({ action, cameraId }) => [action, cameraId]),
      [
        ['alert.acknowledge', 'north'],
        ['alert.acknowledge', 'north'],
        ['alert.verdict', 'north'],
        ['alert.unacknowledge', 'north'],
      ],
    );
    assert.deepEqual(told[2]?.after, { acknowledged: 'anyone', verdict: 'false', comment: 'a shadow' });
  });

  it('that do not exist are not handled, and a wrong verdict is refused', async () => {
    const alert = keep('north');
    for (const [path, init] of [
      ['acknowledge', { method: 'POST' }],
      ['acknowledge', { method: 'DELETE' }],
      ['verdict', put({ value: 'true' })],
      ['evidence.zip', {}],
    ] as const) {
      const { status, json } = await call(base, `/api/alerts/nobody/${path}`, init);
      assert.deepEqual([status, json['code']], [404, 'UNKNOWN_ALERT'], path);
    }
    for (const [body, field] of [
      [{ value: 'maybe' }, 'value'],
      [{}, 'value'],
      [{ value: 'true', comment: 'x'.repeat(2_001) }, 'comment'],
      [{ value: 'true', revision: -1 }, 'revision'],
      [{ value: 'true', by: 'kim' }, 'by'],
    ] as const) {
      const { status, json } = await call(base, `/api/alerts/${alert.requestId}/verdict`, put(body));
      assert.deepEqual([status, json['field']], [400, field], JSON.stringify(body));
    }
  });

  it('are shelved by camera or kind until a time, and still listed', async () => {
    const { requestId } = withIncident('south', 'Shelved.');
    const until = new Date(Date.now() + HOUR_MS).toISOString();
    const added = await call(
      base,
      '/api/shelves',
      post({ cameraId: 'south', kind: 'near-miss', until, reason: 'works' }),
    );
    assert.equal(added.status, 201, added.text);
    const shelf = added.json as unknown as Shelf;
    assert.deepEqual([shelf.until, shelf.by, shelf.reason], [until, 'anyone', 'works']);
    assert.deepEqual((await call(base, '/api/shelves')).json['shelves'], [shelf]);
    assert.ok(ids(await list('state=shelved')).includes(requestId));
    assert.equal((await call(base, `/api/alerts/${requestId}`)).json['shelved'], true);
    assert.equal(
      (await list('state=shelved')).every(({ cameraId }) => cameraId === 'south'),
      true,
    );
    assert.equal((await call(base, `/api/shelves/${shelf.shelfId}`, { method: 'DELETE' })).status, 204);
    const gone = await call(base, `/api/shelves/${shelf.shelfId}`, { method: 'DELETE' });
    assert.deepEqual([gone.status, gone.json['code']], [404, 'UNKNOWN_SHELF']);
    assert.deepEqual(ids(await list('state=shelved')), []);
    assert.deepEqual(
      world.audited.filter(({ target }) => target === shelf.shelfId).map(({ action }) => action),
      ['shelf.add', 'shelf.remove'],
    );
  });

  it('are not shelved for too long, for nothing, or for an unknown camera', async () => {
    const until = new Date(Date.now() + HOUR_MS).toISOString();
    for (const [body, status, field] of [
      [{ until }, 400, 'cameraId'],
      [{ cameraId: 'south' }, 400, 'until'],
      [{ cameraId: 'south', until: new Date(Date.now() - 1_000).toISOString() }, 400, 'until'],
      [{ cameraId: 'south', until: new Date(Date.now() + 8 * 24 * HOUR_MS).toISOString() }, 400, 'until'],
      [{ kind: 'rain', until }, 400, 'kind'],
      [{ kind: 'queue', until, reason: 'x'.repeat(301) }, 400, 'reason'],
      [{ cameraId: 'nobody', until }, 404, 'cameraId'],
    ] as const) {
      const reply = await call(base, '/api/shelves', post(body));
      assert.deepEqual([reply.status, reply.json['field']], [status, field], JSON.stringify(body));
    }
    assert.deepEqual((await call(base, '/api/shelves')).json['shelves'], []);
  });

  it('are taken away as CSV that no spreadsheet runs', async () => {
    const evil = withIncident('north', '=HYPERLINK("http://evil.test";"click")');
    const comment = '@SUM(1),\n"two lines", 逆行';
    await call(base, `/api/alerts/${evil.requestId}/verdict`, put({ value: 'unclear', comment }));
    const reply = await fetch(`${base}/api/alerts.csv?cameraId=north&limit=3`);
    assert.equal(reply.status, 400, 'there are no pages');
    const csv = await fetch(`${base}/api/alerts.csv?cameraId=north`);
    assert.deepEqual([csv.status, csv.headers.get('x-next')], [200, null]);
    assert.match(csv.headers.get('content-type') ?? '', /^text\/csv/u);
    assert.match(csv.headers.get('content-disposition') ?? '', /attachment/u);
    const [names = [], ...rows] = readCsv(
      new TextDecoder('utf-8', { ignoreBOM: true }).decode(await csv.arrayBuffer()),
    );
    const expected = await list('cameraId=north');
    assert.equal(rows.length, expected.length);
    const row = Object.fromEntries(names.map((name, index) => [name, rows[0]![index]]));
    assert.deepEqual(
      [row['alertId'], row['description'], row['comment'], row['verdict'], row['verdictBy'], row['kinds']],
      [evil.requestId, `'${evil.incidents[0]!.verdict.description}`, `'${comment}`, 'unclear', 'anyone', 'near-miss'],
    );
    for (const cell of rows.flat()) assert.ok(!/^[=+@\t\r-]/u.test(cell), cell);
  });

  it('are taken away as an archive whose hashes hold', async () => {
    const alert = withIncident('north', 'Evidence.');
    const { requestId } = alert;
    const clip = Buffer.alloc(2_500, 'video');
    await world.clips.put(requestId, clip, { from: alert.timestamp, to: alert.timestamp });
    world.images.set(`${requestId}.frame`, Buffer.from('a frame'));
    const reply = await fetch(`${base}/api/alerts/${alert.incidents[0]!.incidentId}/evidence.zip`);
    assert.deepEqual([reply.status, reply.headers.get('content-type')], [200, 'application/zip']);
    assert.match(reply.headers.get('content-disposition') ?? '', new RegExp(`alert-${requestId}\\.zip`, 'u'));
    const files = readZip(Buffer.from(await reply.arrayBuffer()));
    const names = ['record.json', `pictures/${requestId}.frame.jpg`, 'clip.mp4', 'SHA256SUMS'];
    assert.deepEqual([...files.keys()], names);
    assert.deepEqual(files.get('clip.mp4'), clip);
    const record = JSON.parse(files.get('record.json')!.toString()) as { alert: Aggregate; handling: object };
    assert.deepEqual(record.alert.requestId, requestId);
    assert.ok('revision' in record.handling);
    const sums = names.slice(0, 3).map((name) => {
      const hash = createHash('sha256').update(files.get(name)!).digest('hex');
      return `${hash}  ${name}\n`;
    });
    assert.equal(files.get('SHA256SUMS')!.toString(), sums.join(''));
    assert.equal((await fetch(`${base}/api/alerts/${requestId}/evidence.zip`, { method: 'HEAD' })).status, 200);
  });

  it('whose clip breaks off are no archive that looks whole', async () => {
    const alert = keep('north');
    await world.clips.put(alert.requestId, Buffer.alloc(2_500, 'video'), {
      from: alert.timestamp,
      to: alert.timestamp,
    });
    world.clips.parts.delete(`${alert.requestId} 2`);
    const reply = await fetch(`${base}/api/alerts/${alert.requestId}/evidence.zip`);
    await assert.rejects(reply.arrayBuffer());
    assert.equal((await call(base, '/api/alerts')).status, 200, 'the server goes on');
  });

  it('name prompts whose text is shown', async () => {
    world.streams.publish(subjects.promptText('89f7e595611d'), { text: 'You assess road safety.' }, 'prompt');
    assert.deepEqual((await call(base, '/api/prompts/89f7e595611d')).json, {
      promptHash: '89f7e595611d',
      text: 'You assess road safety.',
    });
    assert.equal((await call(base, '/api/prompts/000000000000')).json['code'], 'UNKNOWN_PROMPT');
    assert.equal((await call(base, '/api/prompts/xyz')).status, 400);
  });
});
