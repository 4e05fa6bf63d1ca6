import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Secret } from '../../src/keys/secret.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { startTestGantry, type TestGantry } from '../support/gantry.ts';
import { plainPng } from '../support/jpeg.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { type HttpReceiver, startReceiver } from '../support/http-receiver.ts';

const HOOK_SECRET = 'a-secret-of-this-test';
const SVG = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>');
const NEW_KEY = 'sk-added-while-running-0123456789';
let folder: string;
let simulator: ProviderSimulator;
let gantry: TestGantry;
let receiver: HttpReceiver;
let base: string;
let png: Buffer;
let answers: HttpReceiver['answers'];
let calls: HttpReceiver['calls'];

before(async () => {
  folder = temporaryFolder();
  png = await plainPng(1_600, 900);
  receiver = await startReceiver();
  ({ base, answers, calls } = receiver);
  simulator = await startProviderSimulator({
    keys: [...simulatedKeys(1, { qps: 5, rpm: 300 }), { name: 'added', key: NEW_KEY, qps: 5, rpm: 300 }],
    latency: { medianMs: 30, p95Ms: 60 },
  });
  const [first] = simulator.keyEntries();
  assert.ok(first !== undefined);
  process.env['ON_DEMAND_KEY'] = first.key;
  await writeFile(
    join(folder, 'api_keys.yaml'),
    JSON.stringify({
      base_url: simulator.url,
      model: simulator.model,
      api_keys: [{ name: 'first', key: '${ON_DEMAND_KEY}', price_per_1k_input: 2, price_per_1k_output: 4 }],
    }),
  );
  gantry = await startTestGantry(folder, { hookSecret: new Secret(HOOK_SECRET), fetchAllow: ['127.0.0.1'] });
});
after(async () => {
  await gantry?.stop();
  await simulator?.close();
  await receiver?.close();
});

async function upload(fields: Record<string, string>, picture: Uint8Array | null = png, name = 'image') {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.append(field, value);
  if (picture !== null) form.append(name, new Blob([new Uint8Array(picture)]), 'x.png');
  const reply = await fetch(new URL('/api/assessments', gantry.url), { method: 'POST', body: form });
  return { status: reply.status, json: (await reply.json()) as any };
}
const finished = (id: string) =>
  until('it is answered', async () => {
    const { json } = await gantry.request('GET', `/api/assessments/${id}`);
    return json.state === 'queued' ? null : json;
  });
type Hook = { readonly state: string; readonly attempts: number };
/** Waits for that state of a hook; `onSeen` gets all that come before it. */
const hookOf = (id: string, state: string, onSeen: (hook: Hook) => void = () => undefined) =>
  until(
    `the hook is ${state}`,
    async () => {
      const { json } = await gantry.request('GET', `/api/assessments/${id}`);
      if (json.hook?.state === state) return json.hook;
      if (json.hook !== null && json.hook !== undefined) onSeen(json.hook);
      return null;
    },
    60_000,
  );

test('an uploaded picture is judged with its priority, and the signed hook is called with the result', async () => {
  const sent = await upload({ priority: '5', hook_url: `${base}/ok?token=hidden` });
  assert.equal(sent.status, 202, JSON.stringify(sent.json));
  const { state, priority, imageWidth, imageHeight } = sent.json;
  assert.deepEqual([state, priority, imageWidth, imageHeight], ['queued', 5, 1_280, 720]);
  const done = await finished(sent.json.id);
  assert.equal(done.state, 'done');
  assert.equal(done.source, 'vlm');
  assert.equal(done.llmModel, simulator.model);
  const hook = await hookOf(sent.json.id, 'delivered');
  assert.deepEqual(
    { attempts: hook.attempts, lastStatus: hook.lastStatus, lastError: hook.lastError },
    { attempts: 1, lastStatus: 204, lastError: null },
  );
  assert.ok(!JSON.stringify([sent.json, done, hook]).includes('hidden'), 'the token of the hook is not shown');
  const call = calls.find(({ path }) => path.startsWith('/ok'));
  assert.ok(call !== undefined);
  const [, t = '', v1 = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(call.headers['gantry-signature'])) ?? [];
  assert.equal(v1, createHmac('sha256', HOOK_SECRET).update(`${t}.${call.body}`).digest('hex'));
  assert.ok(Math.abs(Number(t) - Date.now() / 1_000) < 60);
  const body = JSON.parse(call.body);
  assert.deepEqual(
    { type: body.type, id: body.data.id, assessment: body.data.assessment },
    { type: 'assessment', id: sent.json.id, assessment: done.assessment },
  );
  const picture = await fetch(new URL(`/api/images/${done.imageId}`, gantry.url));
  assert.equal(picture.headers.get('content-type'), 'image/jpeg');
});

test('a picture is fetched from an allowed host; a hook that fails once is called again', async () => {
  answers.set('/picture.png', (_request, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(png),
  );
  let failed = false;
  answers.set('/flaky', (_request, response) => {
    response.writeHead(failed ? 200 : 500).end('x'.repeat(100_000));
    failed = true;
  });
  const sent = await gantry.request('POST', '/api/assessments', {
    image_url: `${base}/picture.png`,
    hook_url: `${base}/flaky`,
  });
  assert.equal(sent.status, 202, JSON.stringify(sent.json));
  assert.equal(sent.json.priority, 3);
  const hook = await hookOf(sent.json.id, 'delivered', ({ state, attempts }) =>
    assert.ok(state !== 'pending' || attempts <= 1, `${state} after ${attempts} attempts`),
  );
  assert.equal(hook.attempts, 2);
  const both = calls.filter(({ path }) => path === '/flaky');
  assert.equal(both.length, 2);
  assert.equal(both[0]?.headers['gantry-delivery'], both[1]?.headers['gantry-delivery']);
});

test('a hook that refuses for good, or redirects, is not called again', async () => {
  answers.set('/gone', (_request, response) => response.writeHead(410).end());
  answers.set('/moved', (_request, response) => response.writeHead(302, { location: `${base}/ok` }).end());
  for (const path of ['/gone', '/moved']) {
    const { json } = await upload({ hook_url: `${base}${path}` });
    const hook = await hookOf(json.id, 'failed');
    assert.equal(hook.attempts, 1);
  }
});

test('what cannot be judged or must not be called is refused, naming the field', async () => {
  const post = (body: unknown) => gantry.request('POST', '/api/assessments', body);
  answers.set('/text', (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'));
  answers.set('/lies', (_request, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end('no picture at all'),
  );
  answers.set('/redirect', (_request, response) => response.writeHead(302, { location: `${base}/picture.png` }).end());
  answers.set('/endless', (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png' });
    const more = (): void => void (response.destroyed || response.write(Buffer.alloc(1_000_000), more));
    more();
  });
  const url = (image_url: string) => post({ image_url });
  const cases: readonly [string, () => Promise<{ status: number; json: any }>, number, RegExp][] = [
    ['a file URL', () => url('file:///etc/passwd'), 400, /^image_url: .*http/],
    ['no URL', () => url('nonsense'), 400, /^image_url/],
    ['a private address', () => url('http://10.0.0.1/x.png'), 400, /^image_url: .*open internet/],
    ['loopback as a number', () => url('http://2130706434/x.png'), 400, /open internet/],
    ['loopback in IPv6', () => url('http://[::1]/x.png'), 400, /open internet/],
    ['IPv4 inside IPv6', () => url('http://[::ffff:10.0.0.1]/'), 400, /open internet/],
    ['cloud credentials', () => url('http://169.254.169.254/latest/meta-data'), 400, /open internet/],
    ['a user in the URL', () => url('http://user:pass@127.0.0.1/'), 400, /user or a password/],
    ['a redirect', () => url(`${base}/redirect`), 422, /redirects are not followed/],
    ['a page', () => url(`${base}/text`), 422, /not of type/],
    ['a lie about the type', () => url(`${base}/lies`), 422, /not a JPEG, PNG or WebP/],
    ['without an end', () => url(`${base}/endless`), 422, /more than \d+ bytes/],
    [
      'an error',
      () => {
        answers.set('/404', (_request, response) => response.writeHead(404).end());
        return url(`${base}/404`);
      },
      422,
      /answered 404/,
    ],
    ['a hook into the private network', () => upload({ hook_url: 'http://192.168.1.1/' }), 400, /^hook_url/],
    ['a hook over ftp', () => upload({ hook_url: 'ftp://example.com/' }), 400, /^hook_url/],
    ['a priority of 6', () => upload({ priority: '6' }), 400, /^priority/],
    ['a priority of 2.5', () => post({ image_url: `${base}/picture.png`, priority: 2.5 }), 400, /^priority/],
    ['no picture', () => upload({}, null), 400, /^image: is required/],
    ['a file of another name', () => upload({}, png, 'other'), 400, /^other/],
    ['an unknown field', () => upload({ colour: 'red' }), 400, /^colour/],
    ['SVG', () => upload({}, SVG), 422, /not a JPEG, PNG or WebP/],
    ['half a picture', () => upload({}, png.subarray(0, png.length / 2)), 422, /cannot be read/],
    ['a picture of 4 x 4 pixels', async () => upload({}, await plainPng(4, 4)), 422, /at least 16/],
    ['11 MB', () => upload({}, Buffer.alloc(11 * 1024 * 1024, 0xff)), 413, /at most/],
    ['an empty body', () => post({}), 400, /^image_url: is required/],
    ['a list', () => post([]), 400, /object/],
    ['an id that is none', () => gantry.request('GET', '/api/assessments/abc'), 400, /^id/],
    [
      'an id nobody knows',
      () => gantry.request('GET', '/api/assessments/00000000-0000-4000-8000-000000000000'),
      404,
      /any more/,
    ],
    [
      'a camera of that name',
      () => gantry.request('POST', '/api/cameras', { cameraId: 'on-demand', url: 'rtsp://192.0.2.1/x' }),
      400,
      /^cameraId/,
    ],
  ];
  for (const [what, attempt, status, message] of cases) {
    const reply = await attempt();
    assert.equal(reply.status, status, `${what}: ${JSON.stringify(reply.json)}`);
    assert.match(reply.json.message, message, what);
  }
});

test('a page of another site cannot hand in a picture through its visitor', async () => {
  const form = new FormData();
  form.append('image', new Blob([new Uint8Array(png)]), 'x.png');
  const reply = await fetch(new URL('/api/assessments', gantry.url), {
    method: 'POST',
    body: form,
    headers: { origin: 'https://evil.example' },
  });
  assert.deepEqual(
    { status: reply.status, code: ((await reply.json()) as any).code },
    { status: 403, code: 'ORIGIN_REFUSED' },
  );
});

test('keys are added, limited, drained and removed while running; use is told by key and camera', async () => {
  const seen: unknown[] = [];
  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await gantry.request(method, path, body);
    seen.push(reply.json);
    return reply;
  };
  const added = await ask('POST', '/api/keys', { name: 'second', key: NEW_KEY, price_per_1k_input: 1 });
  assert.equal(added.status, 201, JSON.stringify(added.json));
  assert.equal(added.json.persisted, false, 'there is no secret to store it with');
  assert.equal((await ask('POST', '/api/keys', { name: 'second', key: 'sk-x' })).status, 409);
  const drained = (await ask('PATCH', '/api/keys/first', { drain: true })).json.key;
  assert.deepEqual(
    { drain: drained.drain, enabled: drained.enabled, status: drained.status },
    { drain: true, enabled: true, status: 'disabled' },
  );
  const { json: picture } = await upload({});
  assert.equal((await finished(picture.id)).state, 'done');
  const list = async () => (await ask('GET', '/api/keys')).json.keys;
  assert.deepEqual(
    (await list()).map((key: any) => [key.name, key.from, key.total_calls > 0, key.variable]),
    [
      ['first', 'file', true, 'ON_DEMAND_KEY'],
      ['second', 'api', true, null],
    ],
  );
  assert.equal((await ask('PATCH', '/api/keys/first', { drain: false, qps_limit: 3 })).json.key.qps_limit, 3);
  assert.equal((await ask('PATCH', '/api/keys/first', { reset: true })).json.key.qps_limit, 10);
  const scrape = async (): Promise<string> => (await fetch(new URL('/metrics', gantry.url))).text();
  await until('its tokens to be counted', async () =>
    /llm_tokens_total\{key="second",kind="prompt"\} [1-9]/.test(await scrape()),
  );
  assert.equal((await ask('DELETE', '/api/keys/second')).status, 200);
  assert.equal((await ask('DELETE', '/api/keys/second')).status, 404);
  for (const [body, field] of [
    [{ name: 'a b', key: 'x' }, 'name'],
    [{ name: 'x' }, 'key'],
    [{ name: 'x', key: 'x', qps_limit: 0 }, 'qps_limit'],
    [{ name: 'x', key: 'x', base_url: 'http://evil.example' }, 'base_url'],
    [{ name: 'x', key: '${NOT_SET_AT_ALL}' }, 'key'],
    [{ name: 'x', key: '' }, 'key'],
  ] as const) {
    const refused = await ask('POST', '/api/keys', body);
    assert.deepEqual({ status: refused.status, field: refused.json.field }, { status: 400, field });
  }
  assert.equal((await ask('PATCH', '/api/keys/first', {})).status, 400);
  const extra = (
    await ask('PATCH', '/api/keys/first', { max_output_tokens: 900, extra_body: { enable_thinking: false } })
  ).json.key;
  assert.deepEqual(
    { max_output_tokens: extra.max_output_tokens, extra_body: extra.extra_body, adaptations: extra.adaptations },
    { max_output_tokens: 900, extra_body: { enable_thinking: false }, adaptations: [] },
  );
  for (const [body, field] of [
    [{ extra_body: { model: 'other' } }, 'extra_body'],
    [{ extra_body: { big: 'x'.repeat(5_000) } }, 'extra_body'],
    [{ max_output_tokens: 1 }, 'max_output_tokens'],
  ] as const) {
    const refused = await ask('PATCH', '/api/keys/first', body);
    assert.deepEqual(
      { status: refused.status, code: refused.json.code, field: refused.json.field },
      { status: 400, code: 'INVALID_FIELD', field },
    );
  }
  assert.equal((await ask('PATCH', '/api/keys/first', { reset: true })).json.key.extra_body, null);
  assert.equal((await ask('PATCH', '/api/keys/nobody', { enabled: false })).status, 404);

  const usage = (await ask('GET', '/api/usage')).json;
  assert.deepEqual(
    usage.byCamera.map((row: any) => row.camera),
    ['on-demand'],
  );
  const first = usage.byKey.find((row: any) => row.key === 'first');
  assert.ok(first.calls >= 2 && first.promptTokens > 0);
  assert.ok(Math.abs(first.cost - (first.promptTokens * 2 + first.completionTokens * 4) / 1_000) < 1e-6);
  assert.equal((await ask('GET', '/api/usage?day=yesterday')).status, 400);
  assert.ok(usage.byKey.find((row: any) => row.key === 'second').promptTokens > 0, 'the spending outlives the key');
  const metrics = await scrape();
  assert.doesNotMatch(metrics, /"second"/, 'its series end with it');
  assert.match(metrics, /llm_cost_total\{key="first"\} [0-9.]+/);
  const said = `${JSON.stringify(seen)}${metrics}`;
  for (const secret of [NEW_KEY, process.env['ON_DEMAND_KEY'] ?? '?']) {
    assert.ok(!said.includes(secret));
    // A file that is being written has another name until it is whole.
    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
      (file) => file.isFile() && !file.name.endsWith('.tmp'),
    );
    assert.ok(files.length > 0, 'files were looked at');
    for (const file of files)
      assert.ok(!(await readFile(join(file.parentPath, file.name))).includes(secret), file.name);
  }
});

test('a spent budget is followed at once: pictures are unknown with the reason, and health says so', async () => {
  await writeFile(
    join(folder, 'api_keys.yaml'),
    JSON.stringify({
      base_url: simulator.url,
      model: simulator.model,
      daily_budget: 0.000001,
      api_keys: [{ name: 'first', key: '${ON_DEMAND_KEY}', price_per_1k_input: 2 }],
    }),
  );
  await until(
    'the budget is known',
    async () => (await gantry.request('GET', '/api/usage')).json.withinBudget === false,
  );
  const callsBefore = simulator.calls().length;
  const { json } = await upload({});
  const end = await finished(json.id);
  assert.deepEqual(
    { state: end.state, source: end.source, code: end.error.code },
    { state: 'unknown', source: 'rules', code: 'budget' },
  );
  assert.equal(simulator.calls().length, callsBefore);
  assert.ok((await gantry.request('GET', '/api/health')).json.notices.some((notice: string) => /budget/.test(notice)));
});
