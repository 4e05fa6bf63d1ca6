import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { agreementByClass, foundShare } from '../../src/int8/agreement.ts';
import {
  describeRecord,
  int8Path,
  type Int8Record,
  int8Variant,
  objection,
  readRecord,
  RECIPE,
  recordPath,
  sha256,
} from '../../src/int8/int8-record.ts';
import type { ObjectClass } from '../../src/messages/detection.ts';
import { LocatedModel } from '../../src/messages/model.ts';
import type { RawDetection } from '../../src/vision/vision.types.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const at = (x: number, name: ObjectClass = 'car'): RawDetection => ({
  class: name,
  confidence: 0.5,
  bbox: [x, 0, x + 100, 100],
});

describe('agreement of two detectors', () => {
  it('counts detections found again, by class and place, each once', () => {
    const classes = agreementByClass(
      [[at(0), at(200), at(400, 'person')], [at(0)], []],
      [[at(20), at(390, 'person'), at(200, 'bus')], [at(0), at(5)], [at(0)]],
    );
    assert.deepEqual(classes, [
      { class: 'car', float: 3, int8: 4, found: 2 },
      { class: 'person', float: 1, int8: 1, found: 1 },
      { class: 'bus', float: 0, int8: 1, found: 0 },
    ]);
    assert.equal(foundShare(classes), 3 / 4);
  });

  it('one detection is not found twice, and one that overlaps by less than half is another', () => {
    assert.equal(foundShare(agreementByClass([[at(0), at(10)]], [[at(5)]])), 1 / 2);
    assert.equal(foundShare(agreementByClass([[at(0)]], [[at(32)]])), 1);
    assert.equal(foundShare(agreementByClass([[at(0)]], [[at(35)]])), 0);
  });

  it('nothing to compare is no agreement', () => {
    assert.equal(foundShare(agreementByClass([[], []], [[], [at(0)]])), 0);
  });
});

const record = (over: Partial<Int8Record> = {}): Int8Record => ({
  recipe: RECIPE,
  floatSha256: sha256(Buffer.from('float')),
  int8Sha256: sha256(Buffer.from('int8')),
  calibratedOn: 40,
  comparedOn: 40,
  classes: [
    { class: 'person', float: 60, int8: 61, found: 58 },
    { class: 'car', float: 40, int8: 39, found: 39 },
  ],
  floatMs: 20,
  int8Ms: 11.5,
  ...over,
});

describe('the record of an 8-bit detector', () => {
  it('objects to fewer than 97 % of the detections, and to a variant that is not faster', () => {
    assert.equal(objection(record()), null);
    const classes = [{ class: 'car', float: 100, int8: 100, found: 96 } as const];
    assert.match(objection(record({ classes })) ?? '', /finds 96\.0 % .* less than 97\.0 %/);
    assert.match(objection(record({ int8Ms: 20 })) ?? '', /isn't faster on this machine: 20 ms/);
    assert.match(
      describeRecord(record()),
      /finds 97\.0 % .* 40 pictures \(person 58 of 60 \(61 in all\), car 39 of 40 .*11\.5 ms in place of 20 ms/,
    );
  });

  it('is that of the files as they are now, else there is none', async () => {
    const path = join(temporaryFolder(), 'net.onnx');
    const model = LocatedModel.parse({ name: 'net', family: 'ssd', path });
    assert.deepEqual(int8Variant(model), { ...model, name: 'net-int8', path: int8Path(model) });
    const keep = (value: unknown): Promise<void> => writeFile(recordPath(model), JSON.stringify(value));
    assert.equal(await readRecord(model), null, 'no files at all');
    await keep(record());
    assert.equal(await readRecord(model), null, 'no networks');
    await writeFile(path, 'float');
    await writeFile(int8Path(model), 'int8');
    assert.deepEqual(await readRecord(model), record());
    await keep({ ...record(), recipe: RECIPE + 1 });
    assert.equal(await readRecord(model), null, 'another recipe');
    await writeFile(recordPath(model), '{"recipe":');
    assert.equal(await readRecord(model), null, 'cut off');
    await keep(record());
    await writeFile(path, 'another float network');
    assert.equal(await readRecord(model), null, 'of another network');
  });
});
