import assert from 'node:assert/strict';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, beforeEach, describe, it } from 'node:test';
import { encodeOnnx } from '../../src/model-store/convert/onnx.ts';
import { MODELS_DIR } from '../../src/model-store/manifest.ts';
import { gantryHere } from '../support/gantry-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A model of the YOLOv8 layout that finds nothing: output0 = 0 * mean of the picture. */
const yolov8 = encodeOnnx({
  name: 'nothing',
  doc: '',
  nodes: [
    { op: 'GlobalAveragePool', inputs: ['images'], output: 'mean' },
    { op: 'Conv', inputs: ['mean', 'w'], output: 'head' },
    { op: 'Reshape', inputs: ['head', 'shape'], output: 'output0' },
  ],
  weights: [
    { name: 'w', dims: [84, 3, 1, 1], data: new Float32Array(84 * 3) },
    { name: 'shape', dims: [3], data: BigInt64Array.of(1n, 84n, 1n) },
  ],
  inputs: [{ name: 'images', dims: [1, 3, 'height', 'width'] }],
  outputs: [{ name: 'output0', dims: [1, 84, 1] }],
});

describe('gantry models', () => {
  let folder = '';
  let out: string[] = [];
  const lines = (): string => out.join('\n');
  const run = async (args: readonly string[]): Promise<number> => {
    const { code, out: stdout, err } = await gantryHere('models', ...args);
    out.push(...stdout.split('\n\n'), err);
    return code;
  };
  before(async () => {
    folder = temporaryFolder();
    await cp(join(MODELS_DIR, 'manifest.json'), join(folder, 'manifest.json'));
  });
  beforeEach(() => {
    out = [];
  });

  it('list shows every model, and what to do about those that are not there', async () => {
    assert.equal(await run(['list', '--models-dir', folder]), 0);
    assert.match(
      lines(),
      /ssd-mobilenet-v2 \* +ssd +448x256 +18\.0 MB +22\.0 +19 ms +Apache-2\.0 +npm run gantry -- models pull ssd-mob/,
    );
    assert.match(lines(), /yolox-s +yolox +640x640 +35\.9 MB +40\.5 +26\.8 GFLOPs +Apache-2\.0 +npm run gantry/);
    assert.match(lines(), /deimv2-femto +detr +416x416 +4\.1 MB +31\.0 +- +Apache-2\.0 +put deimv2_\S+\.onnx into/);
  });

  it('pull of a model that must be supplied, or that nobody knows, fails with the reason', async () => {
    assert.equal(await run(['pull', 'deimv2-femto', '--models-dir', folder]), 1);
    assert.match(lines(), /MODEL_FILE_MISSING: deimv2-femto/);
    assert.equal(await run(['pull', 'yolo', '--models-dir', folder]), 1);
    assert.match(lines(), /UNKNOWN_MODEL: no model is called "yolo"/);
  });

  it('check finds the family of a model and writes the spec for it, which then checks', async () => {
    const file = join(folder, 'my model.onnx');
    await writeFile(file, yolov8);
    assert.equal(await run(['check', file]), 0);
    assert.match(lines(), /fits the family "yolov8"/);
    const spec = join(folder, 'mine.yaml');
    await writeFile(spec, lines().split('A spec for it:\n')[1]!);
    assert.equal(await run(['check', spec]), 0);
    assert.match(lines(), /my-model: fits the family "yolov8"/);
  });

  it('check refuses a spec that does not fit its model, and a file that is no model', async () => {
    const spec = join(folder, 'wrong.yaml');
    await writeFile(join(folder, 'model.onnx'), yolov8);
    await writeFile(spec, 'name: wrong\nfamily: yolox\npath: model.onnx\ninput: { width: 64, height: 64 }\n');
    assert.equal(await run(['check', spec]), 1);
    assert.match(lines(), /MODEL_MISMATCH.*"wrong".*"yolox"/);
    await writeFile(join(folder, 'text.onnx'), 'no model');
    assert.equal(await run(['check', join(folder, 'text.onnx')]), 1);
    assert.match(lines(), /MODEL_UNREADABLE/);
  });

  it('wrong use shows how to use it', async () => {
    for (const args of [[], ['check'], ['list', 'more'], ['pull', 'a', 'b'], ['remove', 'a'], ['list', '--colour']]) {
      out = [];
      assert.equal(await run(args), 2, args.join(' '));
      assert.match(lines(), /usage: gantry models/);
    }
  });
});
