import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { makeJpeg } from '../support/jpeg.ts';

const GOOD = 'good-key';
const TIGHT = 'tight-key';
let jpeg: Buffer;
let sim: ProviderSimulator;

interface Body {
  readonly error?: { readonly message: string; readonly code: string; readonly param: string | null };
  readonly choices?: readonly {
    readonly message: { readonly content: string | null; readonly refusal: string | null };
  }[];
}

const image = (bytes: Uint8Array, type = 'jpeg'): object => ({
  type: 'image_url',
  image_url: { url: `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}` },
});
const chat = (content: unknown, more: object = {}): object => ({
  model: 'sim-vl',
  messages: [{ role: 'user', content }],
  ...more,
});

async function post(
  body: unknown,
  key = GOOD,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; body: Body }> {
  const response = await fetch(`${sim.url}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body };
}

/** Statuses of 30 calls to a simulator of its own that fails half of them. */
const thirtyCalls = async (): Promise<number[]> => {
  const own = await startProviderSimulator({ seed: 7, keys: [{ key: GOOD, qps: 1000, rpm: 1000 }] });
  own.setBehaviour({ kind: 'status', status: 500 }, { probability: 0.5 });
  const statuses: number[] = [];
  for (let i = 0; i < 30; i++) {
    const response = await fetch(`${own.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${GOOD}` },
      body: JSON.stringify(chat('hi')),
    });
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  await own.close();
  return statuses;
};

/** The level answered for these figures. */
const askAbout = async (near: number, speed: number, nonce: number): Promise<string> => {
  const figures = JSON.stringify({
    frame_width_px: 1280,
    objects_in_group: 3,
    nearest_person_vehicle_px: near,
    max_speed_px_s: speed,
    max_closing_speed_px_s: speed,
    nonce,
  });
  const { body } = await post(chat(figures));
  return (JSON.parse(body.choices?.[0]?.message.content ?? '') as { riskLevel: string }).riskLevel;
};

before(async () => {
  jpeg = await makeJpeg();
  sim = await startProviderSimulator({
    keys: [
      { name: 'good', key: GOOD, qps: 1000, rpm: 10_000 },
      { name: 'tight', key: TIGHT, qps: 2, rpm: 3 },
      { name: 'g1', key: 'group-1', qps: 2, rpm: 2, group: 'g' },
      { name: 'g2', key: 'group-2', qps: 2, rpm: 2, group: 'g' },
    ],
  });
});
after(() => sim.close());
afterEach(() => sim.clearBehaviours());

describe('the provider simulator', () => {
  it('answers a picture with a text and lists its model', async () => {
    const { status, body } = await post(chat([{ type: 'text', text: 'How dangerous?' }, image(jpeg)]));
    assert.equal(status, 200);
    assert.ok(
      ['none', 'low', 'medium', 'high'].includes(
        (JSON.parse(body.choices?.[0]?.message.content ?? '') as { riskLevel: string }).riskLevel,
      ),
    );
    const models = (await (
      await fetch(`${sim.url}/models`, { headers: { authorization: `Bearer ${GOOD}` } })
    ).json()) as { data: { id: string }[] };
    assert.deepEqual(
      models.data.map((model) => model.id),
      ['sim-vl'],
    );
  });

  for (const [situation, body, message] of [
    ['no JSON', () => '{"model"', /not JSON/],
    ['no messages', () => ({ model: 'sim-vl', messages: [] }), /messages|Too small/i],
    [
      'no user message',
      () => ({ model: 'sim-vl', messages: [{ role: 'system', content: 'x' }] }),
      /message of the user/,
    ],
    ['an unknown part', () => chat([{ type: 'picture', url: 'x' }]), /./],
    [
      'a picture by URL',
      () => chat([{ type: 'image_url', image_url: { url: 'https://example.com/a.jpg' } }]),
      /data URI of a JPEG/,
    ],
    ['a PNG that says it is one', () => chat([image(jpeg, 'png')]), /data URI of a JPEG/],
    [
      'bytes that are no JPEG',
      () => chat([image(Buffer.from('no picture at all'))]),
      /cannot be read|no complete JPEG/,
    ],
    ['half a JPEG', () => chat([image(jpeg.subarray(0, jpeg.length - 30))]), /cannot be read|no complete JPEG/],
    [
      'a schema without a name',
      () =>
        chat('hi', {
          response_format: { type: 'json_schema', json_schema: { schema: { type: 'object', properties: {} } } },
        }),
      /./,
    ],
  ] as const) {
    it(`refuses ${situation} with 400`, async () => {
      const reply = await post(body());
      assert.equal(reply.status, 400);
      assert.match(reply.body.error?.message ?? '', message);
    });
  }

  it('refuses an unknown model with 404, an unknown or revoked key with 401', async () => {
    assert.equal((await post({ ...chat('hi'), model: 'other' })).status, 404);
    assert.equal((await post(chat('hi'), 'nobody')).status, 401);
    sim.revoke('good');
    assert.equal((await post(chat('hi'))).status, 401);
    sim.restore('good');
    assert.equal((await post(chat('hi'))).status, 200);
    assert.throws(() => sim.revoke('who'), /no key "who"/);
  });

  it('refuses calls beyond QPS and RPM with 429 and the time until the next is let in', async () => {
    // Together, so that on a busy machine as well they arrive within one second.
    const together = await Promise.all([1, 2, 3].map(() => post(chat('hi'), TIGHT)));
    assert.deepEqual(together.map(({ status }) => status).toSorted(), [200, 200, 429]);
    const soon = together.find(({ status }) => status === 429) ?? assert.fail();
    assert.equal(soon.headers.get('retry-after'), '1');
    await new Promise((resolve) => setTimeout(resolve, Number(soon.headers.get('retry-after-ms')) + 2));
    assert.equal((await post(chat('hi'), TIGHT)).status, 200);
    const later = await post(chat('hi'), TIGHT);
    assert.equal(later.status, 429);
    assert.ok(Number(later.headers.get('retry-after')) > 50, 'the minute is full');
    // The record counts every arrival, so the refused ones show as what they are.
    assert.ok(sim.violations().some(({ budget, spanMs }) => budget === 'key:tight' && spanMs === 1000));
  });

  it('counts the keys of a group together', async () => {
    assert.deepEqual(
      {
        first: (await post(chat('hi'), 'group-1')).status,
        second: (await post(chat('hi'), 'group-2')).status,
        third: (await post(chat('hi'), 'group-1')).status,
      },
      { first: 200, second: 200, third: 429 },
    );
  });

  it('misbehaves as told, for as many calls and for the key it was told', async () => {
    sim.setBehaviour({ kind: 'status', status: 503, retryAfter: '7' }, { times: 1, key: 'good' });
    const failed = await post(chat('hi'));
    assert.deepEqual(
      { status: failed.status, retryAfter: failed.headers.get('retry-after') },
      { status: 503, retryAfter: '7' },
    );
    assert.equal((await post(chat('hi'))).status, 200);
    const remove = sim.setBehaviour({ kind: 'refusal' });
    assert.match((await post(chat('hi'))).body.choices?.[0]?.message.refusal ?? '', /cannot/);
    remove();
    assert.equal((await post(chat('hi'))).body.choices?.[0]?.message.refusal, null);
  });

  it('misbehaves for a share of the calls, the same ones with the same seed', async () => {
    const first = await thirtyCalls();
    assert.deepEqual(await thirtyCalls(), first);
    assert.ok(first.includes(200) && first.includes(500));
  });

  it('answers in the shape of the schema asked for', async () => {
    const schema = { type: 'object', properties: { hasDangerousDriving: {}, maxRiskLevel: {}, results: {} } };
    const { body } = await post(
      chat('hi', { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } }),
    );
    assert.deepEqual(Object.keys(JSON.parse(body.choices?.[0]?.message.content ?? '') as object), [
      'hasDangerousDriving',
      'maxRiskLevel',
      'results',
    ]);
  });

  it('gives the same text the same answer, and near and fast a worse one', async () => {
    const rank = ['none', 'low', 'medium', 'high'];
    const mean = async (near: number, speed: number): Promise<number> => {
      let sum = 0;
      for (let nonce = 0; nonce < 20; nonce++) sum += rank.indexOf(await askAbout(near, speed, nonce));
      return sum / 20;
    };
    assert.equal(await askAbout(5, 300, 1), await askAbout(5, 300, 1));
    const [calm, grave] = [await mean(400, 10), await mean(5, 300)];
    assert.ok(grave > calm + 1, `${calm} ${grave}`);
  });

  it('records arrivals with key, trace and size, and never the key itself', async () => {
    const traceId = 'a1'.repeat(16);
    await post(chat('hi'), GOOD, { traceparent: `00-${traceId}-${'b'.repeat(16)}-01` });
    const call = sim.calls().at(-1);
    assert.ok(call !== undefined);
    assert.deepEqual(
      { key: call.key, status: call.status, traceId: call.traceId },
      { key: 'good', status: 200, traceId },
    );
    assert.ok(call.bytes > 50 && Math.abs(call.at - Date.now()) < 60_000);
    assert.ok(!JSON.stringify(sim.calls()).includes(GOOD));
  });

  it('hands out entries for a key configuration', async (t) => {
    const own = await startProviderSimulator({ keys: simulatedKeys(3, { qps: 5, rpm: 300 }) });
    t.after(() => own.close());
    const config = parseKeyConfig({ api_keys: own.keyEntries() }, {});
    assert.deepEqual(
      config.keys.map((key) => [key.name, key.qpsLimit, key.rpmLimit, key.baseUrl, key.model]),
      ['sim-001', 'sim-002', 'sim-003'].map((name) => [name, 5, 300, own.url, 'sim-vl']),
    );
  });

  it('closes while calls hang', async (t) => {
    const own = await startProviderSimulator({ keys: [{ key: GOOD, qps: 10, rpm: 10 }] });
    t.after(() => own.close());
    own.setBehaviour({ kind: 'hang' });
    const hanging = fetch(`${own.url}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${GOOD}` },
      body: JSON.stringify(chat('hi')),
    });
    const rejected = assert.rejects(hanging);
    while (own.calls().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await own.close();
    await rejected;
  });
});
