import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import {
  Manifest,
  MODELS_DIR,
  findEntry,
  loadModelSpec,
  locate,
  readManifest,
} from '../../src/model-store/manifest.ts';
import { takeMembers } from '../../src/model-store/tar.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tarball } from '../support/tiny-ssd.ts';

const issues = (raw: unknown): string[] =>
  Manifest.safeParse(raw).error?.issues.map((issue) => issue.path.join('.')) ?? [];

describe('the manifest of the project', () => {
  it('is valid, and every model says its licence and comes with a checksum', async () => {
    const manifest = await readManifest();
    assert.equal(manifest.default, 'ssd-mobilenet-v2');
    for (const model of manifest.models) {
      assert.ok(model.licence.length > 0);
      assert.ok(model.sha256 !== undefined, model.name);
    }
  });

  it('gives a spec with the place of the file', async () => {
    const spec = await loadModelSpec('ssd-mobilenet-v2');
    assert.equal(spec.path, join(MODELS_DIR, 'ssd-mobilenet-v2.onnx'));
    assert.deepEqual(Object.keys(spec).toSorted(), [
      'classes',
      'family',
      'input',
      'labelOffset',
      'name',
      'outputs',
      'path',
    ]);
  });

  it('an unknown name is refused with the names there are', async () => {
    await assert.rejects(loadModelSpec('ssd'), {
      code: 'UNKNOWN_MODEL',
      message: /"ssd".*ssd-mobilenet-v2, yolox-nano, yolox-tiny, yolox-s, dfine-n, deimv2-femto/,
    });
  });
});

describe('a manifest', () => {
  const model = {
    name: 'a',
    family: 'yolox',
    file: 'a.onnx',
    source: { kind: 'file', hint: '' },
    licence: 'MIT',
    attribution: 'me',
  };

  it('with all defaults needs little', () => {
    const manifest = Manifest.parse({ default: 'a', models: [model] });
    assert.deepEqual(locate(findEntry(manifest, 'a'), '/m'), {
      name: 'a',
      family: 'yolox',
      input: {},
      outputs: {},
      classes: 'coco80',
      labelOffset: 0,
      path: '/m/a.onnx',
    });
  });

  it('is refused where it cannot work or could reach outside its folder', () => {
    assert.deepEqual(issues({ default: 'b', models: [model] }), ['default']);
    assert.deepEqual(issues({ default: 'a', models: [model, model] }), ['models']);
    assert.deepEqual(issues({ default: 'a', models: [{ ...model, file: '../a.onnx' }] }), ['models.0.file']);
    assert.deepEqual(
      issues({ default: 'a', models: [{ ...model, source: { kind: 'url', url: 'https://example.org/a.onnx' } }] }),
      ['models.0.sha256', 'models.0.bytes'],
    );
    assert.deepEqual(
      issues({
        default: 'a',
        models: [
          {
            ...model,
            source: { kind: 'url', url: 'http://127.0.0.1.example.org/a' },
            sha256: 'a'.repeat(64),
            bytes: 1,
          },
        ],
      }),
      ['models.0.source.url'],
    );
    assert.deepEqual(
      issues({
        default: 'a',
        models: [
          {
            ...model,
            source: {
              kind: 'npm-tarball',
              package: '--registry=x',
              version: '1.0.0',
              integrity: `sha512-${'A'.repeat(86)}==`,
              members: ['m'],
              convert: 'tfjs-ssd',
            },
          },
        ],
      }),
      ['models.0.source.package'],
    );
    assert.deepEqual(issues({ default: 'a', models: [{ ...model, input: { std: [1, 0, 1] } }] }), [
      'models.0.input.std',
    ]);
  });
});

describe("an operator's own spec", () => {
  let folder = '';
  const save = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  before(async () => {
    folder = temporaryFolder();
    await mkdir(join(folder, 'config'));
  });

  it('in YAML or JSON, with a path relative to it', async () => {
    const yaml = await save(
      'config/mine.yaml',
      'name: mine\nfamily: yolov8\npath: ../mine.onnx\nclasses: [car, stop sign]\ninput: { width: 640, height: 384 }\n',
    );
    const spec = await loadModelSpec(yaml);
    assert.equal(spec.path, join(folder, 'mine.onnx'));
    assert.deepEqual(spec.classes, ['car', 'stop sign']);
    assert.deepEqual(spec.input, { width: 640, height: 384 });
    const json = await save('mine.json', '{"name":"mine","family":"detr","path":"/opt/mine.onnx","labelOffset":-1}');
    assert.equal((await loadModelSpec(json)).path, '/opt/mine.onnx');
  });

  it('with a mistake is refused with the field', async () => {
    const wrong = await save('wrong.yaml', 'name: mine\nfamily: yolov9\npath: mine.onnx\ninput: { widht: 640 }\n');
    await assert.rejects(
      loadModelSpec(wrong),
      (error: { code?: string; message: string }) =>
        error.code === 'BAD_SPEC' &&
        /wrong\.yaml/.test(error.message) &&
        /family/.test(error.message) &&
        /widht/.test(error.message),
    );
    await assert.rejects(loadModelSpec(await save('broken.yaml', '{')), { code: 'BAD_SPEC' });
    await assert.rejects(loadModelSpec(join(folder, 'absent.yaml')), {
      code: 'UNKNOWN_MODEL',
      message: /absent\.yaml/,
    });
  });
});

describe('taking files out of a tarball', () => {
  const tgz = tarball({
    'package/a.txt': Buffer.from('first'),
    'package/deep/b.bin': Buffer.alloc(1500, 7),
    'package/c.txt': Buffer.from('last'),
  });

  it('gives the files asked for and no other', () => {
    const files = takeMembers(tgz, ['package/c.txt', 'package/deep/b.bin']);
    assert.deepEqual([...files.keys()].toSorted(), ['package/c.txt', 'package/deep/b.bin']);
    assert.equal(Buffer.from(files.get('package/c.txt')!).toString(), 'last');
    assert.deepEqual(Buffer.from(files.get('package/deep/b.bin')!), Buffer.alloc(1500, 7));
  });

  it('names what is missing, and refuses what is no archive', () => {
    assert.throws(() => takeMembers(tgz, ['package/a.txt', 'package/z']), {
      code: 'INTEGRITY',
      message: /lacks package\/z/,
    });
    assert.throws(() => takeMembers(Buffer.from('no gzip'), ['a']), { code: 'INTEGRITY' });
    assert.throws(() => takeMembers(tgz.subarray(0, tgz.length - 30), ['package/c.txt']), { code: 'INTEGRITY' });
  });
});
