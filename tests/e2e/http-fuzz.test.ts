/**
 * Every endpoint of the API, from its own OpenAPI document, and `/ws`: the whole program in a process of its own, with
 * NATS and without Redis. The seed is in every failure; `GANTRY_FUZZ_SEED` runs it again.
 */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { HTTP_ERRORS } from '../../src/http/errors/codes.ts';
import { ErrorBody } from '../../src/http/errors/http-error.ts';
import { HealthReport } from '../../src/http/schemas/operations-schema.ts';
import { FeedRequest } from '../../src/messages/feed.ts';
import type { FuzzedFigures } from '../support/fuzz-server.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { operationsOf, RequestMaker, type FuzzRequest, type OpenApi } from '../support/openapi-requests.ts';
import { Random } from '../support/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const SEED = Number(process.env['GANTRY_FUZZ_SEED'] ?? 15);
const TOKEN = 'the-token-of-the-fuzz-test';
const BODIES = 120;
const AT_ONCE = 8;
const MESSAGES = 700;
const MAX_HELD_UP_MS = 250;
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;

let server: ReturnType<typeof fork>;
let base: URL;
let document: OpenApi;
let picture: Buffer;

before(async () => {
  const folder = temporaryFolder();
  // Should a made-up key get in, its calls end here.
  await writeFile(join(folder, 'api_keys.yaml'), 'base_url: http://127.0.0.1:9/v1\nmodel: fuzz\napi_keys: []\n');
  server = fork(new URL('../support/fuzz-server.ts', import.meta.url), [folder, TOKEN], { execArgv: ['--expose-gc'] });
  base = new URL((await answerOf<{ url: string }>()).url);
  document = (await (await fetch(new URL('/docs/json', base))).json()) as OpenApi;
  picture = await makeJpeg();
});
after(async () => {
  if (server.connected) server.disconnect();
  if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve));
});

const answerOf = <T>(): Promise<T> =>
  new Promise((resolve, reject) => {
    server.once('message', (message) => resolve(message as T));
    server.once('exit', (code) => reject(new Error(`Gantry has ended with ${code}`)));
  });
async function figures(): Promise<FuzzedFigures> {
  const answer = answerOf<FuzzedFigures>();
  server.send('figures');
  return answer;
}

const json = (counts: ReadonlyMap<number | string, number>): string => JSON.stringify(Object.fromEntries(counts));

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the bytes as they are: a real client would refuse half of them. Null: the connection ended without a reply. */
function send({ method, target, headers, body, torn }: FuzzRequest): Promise<Answer | null> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(base.port), base.hostname);
    const chunks: Buffer[] = [];
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error('no answer within 20 s'));
    }, 20_000);
    const signedIn = headers.some(([name]) => name === 'Authorization')
      ? headers
      : [...headers, ['Authorization', `Bearer ${TOKEN}`] as const];
    const lines = signedIn.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.write(
      Buffer.from(
        `${method} ${target} HTTP/1.1\r\n${lines}${lines.includes('Connection: ') ? '' : 'Connection: close\r\n'}\r\n`,
        'latin1',
      ),
    );
    if (body !== null) socket.write(body);
    if (torn) setTimeout(() => socket.end(), 50);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      // Events go on for ever.
      if (chunk.includes('text/event-stream')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      const text = Buffer.concat(chunks)
        .toString()
        .replace(/^HTTP\/1.1 100 [^]*?\r\n\r\n/u, '');
      const status = /^HTTP\/1\.1 (\d{3})/u.exec(text)?.[1];
      const split = text.indexOf('\r\n\r\n');
      resolve(
        status === undefined
          ? null
          : { status: Number(status), head: text.slice(0, split), body: text.slice(split + 4) },
      );
    });
  });
}

const Down = z.union([HealthReport, z.object({ status: z.literal('down'), notices: z.array(z.string()) })]);

/** What is wrong with an answer; null when nothing is. */
function faultOf({ method, target, torn }: FuzzRequest, answer: Answer | null): string | null {
  if (answer === null) return torn || method === 'TRACE' ? null : 'the connection ended without a reply';
  const { status, head, body } = answer;
  if (status === 101) return 'it became a WebSocket';
  if (status >= 500 && status !== 503 && status !== 507) return 'it is a fault of the server';
  if (status < 400 || method === 'HEAD') return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return 'the error is no JSON';
  }
  if (status === 503 && target.startsWith('/api/health') && Down.safeParse(parsed).success) return null;
  const error = ErrorBody.safeParse(parsed);
  if (!error.success) return 'the error has another shape';
  const known = Object.entries(HTTP_ERRORS).find(([code]) => code === error.data.code);
  if (known?.[1][0] !== status) return `the code ${error.data.code} is none, or of another status`;
  if (!/content-type: application\/json/iu.test(head)) return 'the error has another type';
  return body.length > 3_000 ? `the error has ${body.length} bytes` : null;
}

const shown = ({ method, target, headers, body }: FuzzRequest): string =>
  `${method} ${target.slice(0, 300)}\n${headers
    .map(([name, value]) => `${name.slice(0, 100)}: ${value.slice(0, 100)}`)
    .join('\n')
    .slice(0, 1_000)}\n\n${body?.toString('latin1').slice(0, 500) ?? ''}`;

/** Cameras that are watched would each take a thread and half a processor: none of these is. */
function withoutWatching(request: FuzzRequest): FuzzRequest {
  if (!request.target.startsWith('/api/cameras') || request.body === null || request.torn) return request;
  const body = Buffer.from(
    request.body
      .toString('latin1')
      .replaceAll('"enabled":true', '"enabled":false')
      .replace(/"url":(?![^]*"enabled")/u, '"enabled":false,"url":'),
    'latin1',
  );
  return {
    ...request,
    body,
    headers: request.headers.map(([name, value]) =>
      name === 'Content-Length' ? [name, String(body.length)] : [name, value],
    ),
  };
}

test(
  'no request to any endpoint, whatever it holds, is a fault, holds the others up or takes memory',
  { timeout: 110_000 },
  async (t) => {
    const operations = operationsOf(document);
    assert.ok(operations.length > 25, 'the document has the endpoints');
    const maker = new RequestMaker(document, new Random(SEED), picture);
    const statuses = new Map<number, number>();
    const round = async (bodies: number): Promise<FuzzedFigures> => {
      const requests = operations.flatMap(([path, method]) =>
        Array.from({ length: bodies }, () => withoutWatching(maker.make(path, method))),
      );
      let next = 0;
      const faults: string[] = [];
      const sender = async (): Promise<void> => {
        for (let request = requests[next++]; request !== undefined && faults.length === 0; request = requests[next++]) {
          const answer = await send(request).catch((error: unknown) => ({
            status: 599,
            head: '',
            body: String(error),
          }));
          statuses.set(answer?.status ?? 0, (statuses.get(answer?.status ?? 0) ?? 0) + 1);
          const fault = faultOf(request, answer);
          if (fault !== null)
            faults.push(
              `${fault}\nseed ${SEED}, answer ${answer?.status}: ${answer?.body.slice(0, 500)}\n\n${shown(request)}`,
            );
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sender));
      assert.equal(faults.length, 0, faults[0]);
      return figures();
    };
    // The first requests compile code and fill caches, which no input repeats.
    const first = await round(BODIES / 4);
    const last = await round((BODIES * 3) / 4);
    t.diagnostic(`seed ${SEED}, answers ${json(statuses)}, ${JSON.stringify([first, last])}`);
    assert.ok(
      (statuses.get(200) ?? 0) > 100 && (statuses.get(201) ?? 0) > 3 && (statuses.get(202) ?? 0) > 1,
      'some of it is allowed',
    );
    assert.ok((statuses.get(400) ?? 0) > 100, 'and some is not');
    assert.ok(
      last.heldUpMs < MAX_HELD_UP_MS,
      `the event loop was held up for ${last.heldUpMs.toFixed(0)} ms, seed ${SEED}`,
    );
    assert.ok(
      last.memory - first.memory < MAX_GROWTH_BYTES,
      `${((last.memory - first.memory) / 1e6).toFixed(0)} MB more, seed ${SEED}`,
    );
  },
);

test(
  'no message on /ws, whatever it holds, is a fault, holds the others up or takes memory',
  { timeout: 110_000 },
  async (t) => {
    const first = await figures();
    const random = new Random(SEED + 1);
    const maker = new RequestMaker(document, random, picture);
    const schema = z.toJSONSchema(FeedRequest) as Parameters<RequestMaker['message']>[0];
    const types = new Map<string, number>();
    const closes = new Map<number, number>();
    let socket: WebSocket | null = null;
    const open = async (): Promise<WebSocket> => {
      const made = new WebSocket(new URL('/ws', base.href.replace('http', 'ws')), {
        headers: { authorization: `Bearer ${TOKEN}` },
      });
      made.on('error', () => undefined);
      made.on('close', (code) => closes.set(code, (closes.get(code) ?? 0) + 1));
      made.on('message', (data: Buffer) => {
        const { type, data: body } = JSON.parse(data.toString()) as { type: string; data: unknown };
        types.set(type, (types.get(type) ?? 0) + 1);
        if (type === 'error')
          assert.ok(
            z.object({ code: z.enum(Object.keys(HTTP_ERRORS)), message: z.string().max(1_000) }).safeParse(body)
              .success,
            `seed ${SEED}: ${data.toString().slice(0, 500)}`,
          );
      });
      await until('the opening', () => made.readyState !== WebSocket.CONNECTING);
      return made;
    };
    for (let count = 0; count < MESSAGES; count += 1) {
      if (socket?.readyState !== WebSocket.OPEN) socket = await open();
      const message = maker.message(schema);
      socket.send(random.chance(0.03) ? Buffer.from(message) : message, { binary: random.chance(0.02) });
      if (random.chance(0.02)) socket.ping(Buffer.alloc(random.below(126)));
      // At the rate that is read, now and then above it.
      if (count % 15 === 0)
        await until(
          'what was sent to be read',
          () => socket?.bufferedAmount === 0 || socket?.readyState !== WebSocket.OPEN,
        );
      if (count % 30 === 0) socket.close();
    }
    socket?.terminate();
    const last = await open();
    last.send('{"type":"ping"}');
    await until('a pong after all of it', () => (types.get('pong') ?? 0) > 0);
    last.close();
    const end = await figures();
    t.diagnostic(`seed ${SEED}, ${json(types)}, closed ${json(closes)}, ${JSON.stringify(end)}`);
    assert.ok((types.get('error') ?? 0) > 20 && (types.get('pong') ?? 0) > 20, json(types));
    assert.equal(closes.get(1011), undefined, 'no fault of the server');
    assert.ok(
      end.heldUpMs < MAX_HELD_UP_MS,
      `the event loop was held up for ${end.heldUpMs.toFixed(0)} ms, seed ${SEED}`,
    );
    assert.ok(
      end.memory - first.memory < MAX_GROWTH_BYTES,
      `${((end.memory - first.memory) / 1e6).toFixed(0)} MB more, seed ${SEED}`,
    );
  },
);
