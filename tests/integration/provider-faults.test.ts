import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { Secret } from '../../src/keys/secret.ts';
import { REMEMBERED_MS } from '../../src/llm/adaptations.ts';
import { createVlmClient, type VlmAccess, type VlmClient, type VlmReply } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { leastLoopDelay } from '../support/loop-delay.ts';

const KEY = 'sk-faults-secret-12345';
const secret = new Secret(KEY);
const task = plainTask();
let jpeg: Buffer;
let sim: ProviderSimulator;

before(async () => {
  jpeg = await makeJpeg();
  sim = await startProviderSimulator({ keys: [{ name: 'k1', key: KEY, qps: 1000, rpm: 10_000 }] });
});
after(() => sim.close());
afterEach(() => sim.clearBehaviours());

const access = (more: Partial<VlmAccess> = {}): VlmAccess => ({
  keyName: 'k1',
  secret,
  baseUrl: sim.url,
  model: 'sim-vl',
  responseFormat: 'auto',
  ...more,
});

interface Asked {
  readonly reply: VlmReply;
  /** Calls made, those refused for a parameter among them. */
  readonly calls: number;
}

/** Asks as the scheduler does: again while the request is changed for the provider. */
async function ask(client: VlmClient, more: Partial<VlmAccess> = {}, pictures = 1): Promise<Asked> {
  for (let calls = 1; ; calls += 1) {
    assert.ok(calls <= 12, 'it steps down for ever');
    const reply = await client.call({
      access: access(more),
      prompt: buildPrompt(task, 'en'),
      pictures: Array.from({ length: pictures }, (_, n) => ({ jpeg, caption: `Picture ${n + 1}` })),
      traceId: task.traceId,
      timeoutMs: 10_000,
    });
    assert.ok(!JSON.stringify(reply).includes(KEY), 'the key is in the reply');
    if (reply.ok || reply.failure.kind !== 'stepped-down') return { reply, calls };
  }
}

describe('a parameter that the provider refuses', () => {
  for (const [fault, calls, adaptations] of [
    ['stream-only', 2, ['streamed']],
    ['max-completion-tokens', 2, ['max_completion_tokens']],
    ['no-temperature', 2, ['without temperature']],
    ['no-system-role', 2, ['system text in the user message']],
    ['json-thinking', 3, ['response_format none']],
    ['json-vllm-old', 3, ['response_format none']],
    ['unspecific', 2, ['response_format none']],
    ['thinking-on', 2, ['enable_thinking false']],
  ] as const satisfies readonly (readonly [Fault, number, readonly string[]])[]) {
    it(`${fault}: ${calls} calls at first, then one each: ${adaptations.join()}`, async () => {
      sim.setBehaviour({ kind: fault });
      let now = 1_000_000;
      const client = createVlmClient({ now: () => now });
      const first = await ask(client);
      assert.ok(first.reply.ok, JSON.stringify(first.reply));
      assert.deepEqual({ calls: first.calls, adaptations: first.reply.adaptations }, { calls, adaptations });
      assert.ok(first.reply.promptTokens > 0 && first.reply.completionTokens > 0);
      assert.deepEqual((await ask(client)).calls, 1, 'it was forgotten');
      now += REMEMBERED_MS;
      assert.deepEqual((await ask(client)).calls, calls, 'it is never tried again');
    });
  }

  it('several at once are found one by one', async () => {
    for (const kind of ['max-completion-tokens', 'no-temperature', 'stream-only', 'json-thinking'] as const) {
      sim.clearBehaviours();
      sim.setBehaviour({ kind });
    }
    const client = createVlmClient();
    assert.ok((await ask(client)).reply.ok);
    for (const kind of ['no-temperature', 'stream-only', 'max-completion-tokens'] as const) {
      sim.clearBehaviours();
      sim.setBehaviour({ kind });
      assert.ok((await ask(client)).reply.ok);
    }
    const { reply, calls } = await ask(client);
    assert.deepEqual(
      { calls, adaptations: reply.adaptations },
      { calls: 1, adaptations: ['response_format none', 'max_completion_tokens', 'without temperature', 'streamed'] },
    );
  });

  it('calls that were under way together step down once', async () => {
    sim.setBehaviour({ kind: 'max-completion-tokens' });
    const client = createVlmClient();
    const all = await Promise.all(Array.from({ length: 8 }, () => ask(client)));
    assert.deepEqual(
      all.map(({ calls, reply }) => [calls, reply.ok]),
      Array.from({ length: 8 }, () => [2, true]),
    );
  });

  it('an extra field of the key is left out when refused, and sent where it is not', async () => {
    const client = createVlmClient();
    sim.setBehaviour({ kind: 'no-extra-fields' });
    const extra = { extraBody: { enable_thinking: false } };
    const refused = await ask(client, extra);
    assert.deepEqual(
      { calls: refused.calls, ok: refused.reply.ok, adaptations: refused.reply.adaptations },
      { calls: 2, ok: true, adaptations: ['without enable_thinking'] },
    );
    sim.clearBehaviours();
    sim.setBehaviour({ kind: 'thinking-on' });
    const sent = await ask(createVlmClient(), extra);
    assert.deepEqual(
      { calls: sent.calls, ok: sent.reply.ok, adaptations: sent.reply.adaptations },
      { calls: 1, ok: true, adaptations: [] },
    );
  });

  it('several pictures are sent until they are refused, and one of them from then on', async () => {
    const newest = () => sim.calls().at(-1)?.pictures;
    const client = createVlmClient();
    assert.ok((await ask(client, {}, 3)).reply.ok);
    assert.equal(newest(), 3);
    sim.setBehaviour({ kind: 'one-picture' });
    const first = await ask(client, {}, 3);
    assert.deepEqual(
      { calls: first.calls, ok: first.reply.ok, adaptations: first.reply.adaptations, pictures: newest() },
      { calls: 2, ok: true, adaptations: ['one picture a call'], pictures: 1 },
    );
    assert.deepEqual((await ask(client, {}, 2)).calls, 1, 'it was forgotten');
    const other = await ask(createVlmClient(), { maxImages: 1 }, 3);
    assert.deepEqual(
      { calls: other.calls, ok: other.reply.ok, adaptations: other.reply.adaptations, pictures: newest() },
      { calls: 1, ok: true, adaptations: [], pictures: 1 },
      'a key may take one only from the start',
    );
  });

  it('an unspecific refusal of everything is tried once without the format, ever', async () => {
    sim.setBehaviour({ kind: 'status', status: 400, message: 'Bad request' });
    const client = createVlmClient();
    const first = await ask(client);
    assert.deepEqual(
      { calls: first.calls, kind: !first.reply.ok && first.reply.failure.kind },
      { calls: 2, kind: 'rejected-request' },
    );
    const second = await ask(client);
    assert.deepEqual({ calls: second.calls, adaptations: second.reply.adaptations }, { calls: 1, adaptations: [] });
  });

  it('a refused picture, prompt or key changes nothing of the request', async () => {
    const client = createVlmClient();
    for (const message of [
      'The image dimensions are too small',
      "This model's maximum context length is 10 tokens, you asked for 600 max_tokens",
      'Invalid API key',
    ]) {
      sim.clearBehaviours();
      sim.setBehaviour({ kind: 'status', status: 400, message });
      const { reply, calls } = await ask(client);
      assert.deepEqual({ calls, adaptations: reply.adaptations }, { calls: 1, adaptations: [] }, message);
    }
  });

  it('a format that the key file names is kept', async () => {
    sim.setBehaviour({ kind: 'json-thinking' });
    const client = createVlmClient();
    const { reply, calls } = await ask(client, { responseFormat: 'json_object' });
    // What is named as the culprit besides is tried.
    assert.deepEqual(
      { calls, kind: !reply.ok && reply.failure.kind, adaptations: reply.adaptations },
      { calls: 3, kind: 'rejected-request', adaptations: [] },
    );
    assert.equal((await ask(client, { responseFormat: 'json_object' })).calls, 1);
  });
});

describe('answers and errors in other wrappings', () => {
  for (const fault of ['gzip', 'streamed'] as const) {
    it(`${fault}: the answer is read`, async () => {
      const plain = await ask(createVlmClient());
      sim.setBehaviour({ kind: fault });
      const { reply, calls } = await ask(createVlmClient());
      assert.ok(reply.ok && plain.reply.ok, JSON.stringify(reply));
      assert.deepEqual({ calls, answer: reply.answer }, { calls: 1, answer: plain.reply.answer });
    });
  }

  for (const [fault, kind] of [
    ['ok-but-error', 'rate-limited'],
    ['stream-error', 'rate-limited'],
    ['arrears', 'rejected-key'],
    ['inspection', 'content-refused'],
    ['html-200', 'server-error'],
    ['model-missing', 'misconfigured'],
    ['region', 'server-error'],
    ['proxy-login', 'server-error'],
  ] as const satisfies readonly (readonly [Fault, string])[]) {
    it(`${fault} is ${kind}, with one call`, async () => {
      sim.setBehaviour({ kind: fault });
      const { reply, calls } = await ask(createVlmClient());
      assert.deepEqual({ calls, kind: !reply.ok && reply.failure.kind }, { calls: 1, kind }, JSON.stringify(reply));
    });
  }

  for (const [fault, ms] of [
    ['gemini-429', 3_500],
    ['retry-epoch', null],
  ] as const) {
    it(`${fault}: the wait is ${ms}`, async () => {
      sim.setBehaviour({ kind: fault });
      const { reply } = await ask(createVlmClient());
      assert.ok(!reply.ok && reply.failure.kind === 'rate-limited');
      assert.equal(reply.failure.retryAfterMs, ms);
    });
  }
});

/** A provider that answers every call with these bytes. */
async function answering(listener: RequestListener): Promise<{ readonly url: string; readonly close: () => void }> {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => listener(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${bound.port}/v1`, close };
}

describe('hostile bodies', () => {
  const MB = 990_000;
  for (const [what, status, body] of [
    ['deep nesting', 200, '['.repeat(MB)],
    ['deep nesting in a stream', 200, `data: ${'['.repeat(MB)}\n\n`],
    ['line feeds', 200, `data: {}${'\n'.repeat(MB)}`],
    ['pieces', 200, 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'.repeat(MB / 47)],
    ['pieces with keys of their own', 200, Array.from({ length: MB / 30 }, (_, i) => `data: {"k${i}":1}\n\n`).join('')],
    ['an error with a code of 200 kB', 400, JSON.stringify({ error: { code: 'x'.repeat(200_000), message: 'm' } })],
    ['an error of brackets', 500, '{"error":'.repeat(MB / 9)],
  ] as const) {
    it(`${what}: the loop is not held up, and the call fails`, async (t) => {
      const { url, close } = await answering(
        (_, response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(body),
      );
      t.after(close);
      const client = createVlmClient();
      await ask(client, { baseUrl: url });
      const fails = async (): Promise<void> => assert.ok(!(await ask(client, { baseUrl: url })).reply.ok);
      const delayMs = await leastLoopDelay(fails, 250);
      assert.ok(delayMs < 250, `${delayMs} ms`);
    });
  }

  it('a stream that breaks off in an answer is no answer', async (t) => {
    const { url, close } = await answering((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: {"choices":[{"delta":{"content":"{\\"riskLevel\\":\\"none\\"}"}}]}\n\n');
      setTimeout(() => response.destroy(), 20);
    });
    t.after(close);
    const { reply } = await ask(createVlmClient(), { baseUrl: url });
    assert.equal(!reply.ok && reply.failure.kind, 'network');
  });

  it('a redirect is refused, and says so', async (t) => {
    const { url, close } = await answering(
      (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    t.after(close);
    const { reply } = await ask(createVlmClient(), { baseUrl: url });
    assert.equal(!reply.ok && reply.failure.kind, 'misconfigured');
  });
});
