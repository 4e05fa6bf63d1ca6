import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { pullModel } from '../../src/model-store/pull.ts';
import type { PullOptions, PullProgress } from '../../src/model-store/pull.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FILE = randomBytes(300_000);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const LIMITS = { stallMs: 30_000, attempts: 3, pauseMs: 1 };
/** Larger than any process id of Linux. */
const DEAD = 2 ** 22 + 1;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** The first `bytes` bytes, then the connection breaks. */
const cutAfter =
  (bytes: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(200, { 'content-length': FILE.length, ...headers });
    response.write(FILE.subarray(0, bytes), () => setTimeout(() => response.destroy(), 20));
  };

const whole: Answer = (_, response) => response.end(FILE);

/** As a server with ranges answers. */
const ranged: Answer = (request, response) => {
  const from = Number(/^bytes=(\d+)-$/u.exec(request.headers.range ?? '')?.[1] ?? Number.NaN);
  if (Number.isNaN(from)) return void response.writeHead(200, { etag: '"v1"' }).end(FILE);
  response.writeHead(206, { 'content-range': `bytes ${from}-${FILE.length - 1}/${FILE.length}` });
  return void response.end(FILE.subarray(from));
};

const fails =
  (status: number): Answer =>
  (_, response) =>
    response.writeHead(status).end('no');

describe('a model from an address', () => {
  let answers: Answer[] = [];
  let asked: { url: string; range: string | undefined; ifRange: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { range, 'if-range': ifRange } = request.headers;
    asked.push({ url: request.url ?? '', range, ifRange: ifRange === undefined ? undefined : String(ifRange) });
    (answers.length > 1 ? answers.shift() : answers[0])?.(request, response);
  });
  let url = '';
  let modelsDir = '';
  const pull = (more: PullOptions = {}): ReturnType<typeof pullModel> =>
    pullModel('far', { modelsDir, limits: LIMITS, ...more });
  const write = (more: object = {}): Promise<void> =>
    writeFile(
      join(modelsDir, 'manifest.json'),
      JSON.stringify({
        default: 'far',
        models: [
          {
            name: 'far',
            family: 'yolox',
            file: 'far.onnx',
            source: { kind: 'url', url: `${url}/far.onnx` },
            licence: 'Apache-2.0',
            attribution: 'a test',
            sha256: sha256(FILE),
            bytes: FILE.length,
            ...more,
          },
        ],
      }),
    );
  const files = async (): Promise<string[]> => (await readdir(modelsDir)).toSorted();
  const isKept = async (): Promise<void> => {
    assert.deepEqual(await readFile(join(modelsDir, 'far.onnx')), FILE);
    assert.deepEqual(await files(), ['far.onnx', 'manifest.json']);
  };

  before(async () => {
    await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(async () => {
    asked = [];
    modelsDir = temporaryFolder();
    await write();
  });

  it('is fetched once, with its progress', async () => {
    answers = [whole];
    const progress: PullProgress[] = [];
    const onProgress = (step: PullProgress): void => void progress.push(step);
    await pull({ onProgress });
    await isKept();
    assert.match(progress[0]?.message ?? '', /0\.3 MB from 127\.0\.0\.1:\d+ \(licence: Apache-2\.0\)/u);
    assert.deepEqual([progress.at(-1)?.stage, progress.at(-2)?.fraction], ['done', 1]);
    await pull({ onProgress });
    assert.equal(progress.at(-1)?.stage, 'present');
    assert.equal(asked.length, 1);
  });

  it('goes on where the connection broke, for the same version only', async () => {
    answers = [cutAfter(100_000, { etag: '"v1"' }), ranged];
    await pull();
    await isKept();
    assert.deepEqual(
      asked.map(({ range, ifRange }) => [range, ifRange]),
      [
        [undefined, undefined],
        ['bytes=100000-', '"v1"'],
      ],
    );
  });

  it('goes on where a process that was killed had come to', async () => {
    await writeFile(join(modelsDir, `.far.onnx.${DEAD}-0a1b2c3d.part`), FILE.subarray(0, 70_000));
    await writeFile(join(modelsDir, `.far.onnx.${DEAD}-1a1b2c3d.part`), FILE.subarray(0, 50));
    answers = [ranged];
    await pull();
    assert.equal(asked[0]?.range, 'bytes=70000-');
    await isKept();
  });

  it('goes on after attempts that all failed, at the next call', async () => {
    answers = [cutAfter(60_000), fails(503)];
    await assert.rejects(pull(), { code: 'DOWNLOAD_FAILED', message: /HTTP 503/u });
    assert.equal(asked.length, LIMITS.attempts);
    answers = [ranged];
    await pull();
    assert.equal(asked.at(-1)?.range, 'bytes=60000-');
    await isKept();
  });

  it('begins again where the server has no ranges, or what was left is of another file', async () => {
    answers = [cutAfter(100_000), whole];
    await pull();
    await isKept();
    modelsDir = temporaryFolder();
    await write();
    await writeFile(join(modelsDir, `.far.onnx.${DEAD}-0a1b2c3d.part`), randomBytes(70_000));
    answers = [ranged];
    asked = [];
    await pull();
    assert.deepEqual(
      asked.map(({ range }) => range),
      ['bytes=70000-', undefined],
    );
    await isKept();
  });

  it('with a wrong checksum or size is refused, and nothing of it is kept', async () => {
    const other = randomBytes(FILE.length);
    answers = [(_, response) => response.end(other)];
    await assert.rejects(pull(), (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'INTEGRITY');
      for (const text of [sha256(FILE), sha256(other), join(modelsDir, 'far.onnx'), '300000 bytes'])
        assert.ok(error.message.includes(text), `${error.message} lacks ${text}`);
      return true;
    });
    assert.deepEqual(await files(), ['manifest.json']);
    answers = [(_, response) => response.end('<html>Please log in to this network</html>')];
    await assert.rejects(pull(), { code: 'INTEGRITY', message: /expected 300000 bytes, found 42/u });
    answers = [
      (_, response) => void response.writeHead(200).write(Buffer.alloc(FILE.length + 1), () => response.end()),
    ];
    await assert.rejects(pull(), { code: 'INTEGRITY', message: /expected 300000 bytes, found more/u });
    assert.deepEqual(await files(), ['manifest.json']);
  });

  it('that is not there is asked for once, and the refusal says where to put it', async () => {
    answers = [fails(404)];
    await assert.rejects(pull(), {
      code: 'DOWNLOAD_FAILED',
      message: /far\.onnx: HTTP 404\..*put it here: .*far\.onnx \(300000 bytes, sha256 [0-9a-f]{64}\)/u,
    });
    assert.equal(asked.length, 1);
    assert.deepEqual(await files(), ['manifest.json']);
  });

  it('is followed to where it moved', async () => {
    answers = [(_, response) => response.writeHead(302, { location: `${url}/elsewhere` }).end(), ranged];
    await pull();
    assert.deepEqual(
      asked.map((each) => each.url),
      ['/far.onnx', '/elsewhere'],
    );
    await isKept();
  });

  it('that stops coming is given up and tried again', async () => {
    answers = [(_, response) => void response.writeHead(200).write(FILE.subarray(0, 1_000)), ranged];
    await pull({ limits: { ...LIMITS, stallMs: 500 } });
    assert.equal(asked[1]?.range, 'bytes=1000-');
    await isKept();
  });

  it('twice at once ends with one good file', async () => {
    answers = [ranged];
    await Promise.all([pull(), pull()]);
    await isKept();
  });

  it('may be one that was exported elsewhere, if the manifest knows it', async () => {
    answers = [fails(404)];
    await writeFile(join(modelsDir, 'far.onnx'), 'the other one');
    const other = sha256(Buffer.from('the other one'));
    await assert.rejects(pull(), { code: 'DOWNLOAD_FAILED', message: new RegExp(`that is there has sha256 ${other}`) });
    await write({ otherSha256: [other] });
    assert.equal((await pull()).path, join(modelsDir, 'far.onnx'));
  });
});
