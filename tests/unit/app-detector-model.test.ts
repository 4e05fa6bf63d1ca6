import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { useModel } from '../../src/app/detector-model.ts';
import { quantizeModel } from '../../src/cli/quantize-command.ts';
import { createLog } from '../../src/infra/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe("the detector's precision", () => {
  it('is auto unless told otherwise; anything else is refused with the values that may be', () => {
    const config = readConfig([], {});
    assert.ok(config !== 'help');
    assert.deepEqual([config.precision, config.inference, config.stillSeconds], ['auto', 'auto', 10]);
    for (const [name, value, allowed] of [
      ['GANTRY_MODEL_PRECISION', 'int4', /auto, float, int8, not "int4"/],
      ['GANTRY_INFERENCE', 'both', /auto, own, shared, not "both"/],
      ['GANTRY_STILL_SECONDS', '-1', /from 0 to 3600, not "-1"/],
    ] as const)
      assert.throws(() => readConfig([], { [name]: value }), { code: 'CONFIG_INVALID', message: allowed });
  });

  it('of a model of your own is its own: it has no 8-bit variant to insist on', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, '{ name: mine, family: yolov8, path: mine.onnx }');
    const log = createLog('silent');
    const missing = { code: 'CONFIG_INVALID', message: /mine: there is no file/ };
    await assert.rejects(useModel({ model: file, precision: 'auto' }, log), missing);
    writeFileSync(join(folder, 'mine.onnx'), '');
    for (const precision of ['auto', 'float'] as const)
      assert.equal((await useModel({ model: file, precision }, log)).name, 'mine');
    await assert.rejects(useModel({ model: file, precision: 'int8' }, log), {
      code: 'CONFIG_INVALID',
      message: /GANTRY_MODEL_PRECISION is int8, which .*mine\.yaml cannot have: only models that Gantry converts/,
      fields: { field: 'GANTRY_MODEL_PRECISION', value: 'int8' },
    });
  });

  it('of a model that Gantry does not convert cannot be 8 bits', async () => {
    const lines: string[] = [];
    const made = quantizeModel('yolox-nano', (line) => lines.push(line));
    await assert.rejects(made, { code: 'CONVERSION', message: /yolox-nano has no 8-bit variant/ });
    assert.deepEqual(lines, []);
  });
});
