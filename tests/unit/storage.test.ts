import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { StorageError } from '../../src/storage/storage-error.ts';
import { type FileSystem, readWhole, removeLeftovers, writeWhole } from '../../src/storage/files.ts';
import { parseJson } from '../../src/storage/json.ts';
import { DataNotices, setAside } from '../../src/storage/set-aside.ts';
import { MAX_YAML_LENGTH, parseYaml } from '../../src/storage/yaml.ts';
import { assertLinear } from '../support/cpu-ms.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const failure = (code: string): Error => Object.assign(new Error(`${code}: what the system says`), { code });

/** A disk on which one call fails. */
function disk(call: 'mkdir' | 'open' | 'write' | 'sync' | 'rename', code: string): FileSystem {
  const fail = (): never => {
    throw failure(code);
  };
  return {
    mkdir: call === 'mkdir' ? fail : fs.mkdir,
    rename: call === 'rename' ? fail : fs.rename,
    rm: fs.rm,
    open: async (...args) => {
      if (call === 'open') fail();
      const handle = await fs.open(...args);
      if (call === 'write') handle.writeFile = fail;
      if (call === 'sync') handle.sync = fail;
      return handle;
    },
  };
}

describe('writing a file whole', () => {
  for (const call of ['mkdir', 'open', 'write', 'sync', 'rename'] as const) {
    for (const [code, expected] of [
      ['ENOSPC', 'DISK_FULL'],
      ['EDQUOT', 'DISK_FULL'],
      ['EROFS', 'NOT_WRITABLE'],
      ['EACCES', 'NOT_WRITABLE'],
      ['EIO', 'NOT_WRITABLE'],
    ] as const) {
      it(`${call} fails with ${code}: the old file stays alone, the error names both`, async () => {
        const folder = temporaryFolder();
        const file = join(folder, 'x.json');
        await writeWhole(file, 'old');
        await assert.rejects(writeWhole(file, 'new', { fileSystem: disk(call, code) }), (error: unknown) => {
          assert.ok(error instanceof StorageError && error.code === expected);
          return error.message.includes(file) && error.message.includes(folder) && error.message.includes(code);
        });
        assert.equal(await fs.readFile(file, 'utf8'), 'old');
        assert.deepEqual(await fs.readdir(folder), ['x.json']);
      });
    }
  }

  it('makes file and folder for the owner alone, and replaces what others may read', async () => {
    const folder = join(temporaryFolder(), 'made');
    const file = join(folder, 'x.json');
    await writeWhole(file, 'a');
    await fs.chmod(file, 0o644);
    await writeWhole(file, 'b');
    assert.equal((await fs.stat(file)).mode & 0o777, 0o600);
    assert.equal((await fs.stat(folder)).mode & 0o777, 0o700);
    assert.equal(await readWhole(file, 10), 'b');
  });

  it('leftovers of writes that were cut short go, whatever else is there stays', async () => {
    const folder = temporaryFolder();
    for (const name of [
      '.x.json.0123456789ab.tmp',
      'gantry.json.new',
      'api_keys.changes.new',
      'x.json',
      '.hidden',
      'mine.new',
      '.x.tmp',
    ])
      await fs.writeFile(join(folder, name), '');
    await removeLeftovers(folder, 60_000);
    assert.equal((await fs.readdir(folder)).length, 7, 'those of now may be under way');
    await removeLeftovers(folder);
    assert.deepEqual((await fs.readdir(folder)).toSorted(), ['.hidden', '.x.tmp', 'mine.new', 'x.json']);
    await removeLeftovers(join(folder, 'nowhere'));
  });
});

describe('reading a file whole', () => {
  it('looks at kind and size before it reads', async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'x');
    assert.equal(await readWhole(file, 10), null);
    await fs.writeFile(file, 'x'.repeat(11));
    await assert.rejects(readWhole(file, 10), { code: 'TOO_LARGE' });
    await assert.rejects(readWhole(folder, 10), { code: 'NOT_READABLE', message: /is a folder/ });
    await assert.rejects(readWhole('/dev/zero', 10), { code: 'NOT_READABLE', message: /no plain file/ });
  });

  it('JSON is bounded in length and parts, and no error quotes it', () => {
    const bounds = { maxLength: 1_000_000, maxParts: 1_000 };
    assert.deepEqual(parseJson('{"__proto__":1,"a":[2]}', 'x', bounds), JSON.parse('{"__proto__":1,"a":[2]}'));
    for (const [text, code] of [
      ['', 'MALFORMED'],
      ['{"s3cret', 'MALFORMED'],
      ['['.repeat(500_000), 'TOO_LARGE'],
      [`[${'0,'.repeat(490_000)}0]`, 'TOO_LARGE'],
      [' '.repeat(1_000_001), 'TOO_LARGE'],
    ] as const) {
      assert.throws(
        () => parseJson(text, 'the file', bounds),
        (error: unknown) =>
          error instanceof StorageError &&
          error.code === code &&
          error.message.startsWith('the file') &&
          error.cause === undefined &&
          !error.message.includes('s3cret'),
      );
    }
  });
});

describe('setting aside', () => {
  it('keeps what was there, a folder too, and says what cannot be moved', async () => {
    const folder = temporaryFolder();
    await fs.mkdir(join(folder, 'store'));
    await fs.writeFile(join(folder, 'store', 'x'), 'kept');
    const aside = await setAside(join(folder, 'store'));
    assert.equal(await fs.readFile(join(aside, 'x'), 'utf8'), 'kept');
    await assert.rejects(setAside(join(folder, 'store')), {
      code: 'NOT_WRITABLE',
      message: /could not be set aside \(ENOENT\)/,
    });
  });

  it('notices are bounded; the log has all', () => {
    const log = memoryLog();
    const notices = new DataNotices(log);
    for (let index = 0; index < 500; index++) notices.say({}, `file ${index}`);
    assert.equal(notices.list().length, 51);
    assert.match(notices.list().at(-1)!, /and 450 more/);
    assert.equal(log.lines.length, 500);
  });
});

describe('YAML of an operator', () => {
  const refusal = (text: string): string => {
    try {
      parseYaml(text, 'keys.yaml');
    } catch (error) {
      assert.ok(error instanceof StorageError);
      assert.ok(error.message.startsWith('keys.yaml') && error.message.length < 200, error.message);
      return error.message;
    }
    return assert.fail('it is refused');
  };

  it('reads what editors on any system write', () => {
    assert.deepEqual(parseYaml('\uFEFFa: 1\r\nb:\r\n  - { x: "1" }\r\n', 'x'), { a: 1, b: [{ x: '1' }] });
    assert.deepEqual(parseYaml('base: &b { x: 1 }\nmore: *b\n', 'x'), { base: { x: 1 }, more: { x: 1 } });
    assert.equal(parseYaml('', 'x'), null);
    assert.deepEqual(Object.keys(parseYaml('__proto__: 1\nconstructor: 2\n', 'x') as object), [
      '__proto__',
      'constructor',
    ]);
  });

  it('names file, line and problem, and never the text', () => {
    assert.match(refusal('a: 1\nb:\n\tc: sk-secret\n'), /keys\.yaml, line 3: .*TAB_AS_INDENT.*spaces/);
    assert.match(refusal('a: 1\nb: 2\na: sk-secret\n'), /line 3: .*DUPLICATE_KEY/);
    assert.match(refusal('a: [1, 2\n'), /line \d: not valid YAML/);
    assert.doesNotMatch(refusal('a: 1\na: sk-secret\n'), /sk-/);
  });

  it('is bounded in size, parts and depth', () => {
    assert.match(refusal('#'.repeat(MAX_YAML_LENGTH + 1)), /more than the/);
    assert.match(refusal('[0,'.repeat(50_000)), /parts|more than the/);
    assert.match(refusal('['.repeat(1_000)), /line 1: nested/);
    assert.match(refusal('- '.repeat(1_000)), /line 1: nested/);
    assert.match(
      refusal(Array.from({ length: 200 }, (_, index) => `${' '.repeat(index)}a:`).join('\n')),
      /line 65: nested/,
    );
    const laughs = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...Array.from(
        'bcdefghij',
        (name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(',')}]`,
      ),
    ];
    assert.match(refusal(laughs.join('\n')), /anchors more often/);
  });

  it('costs time linear in its names', () => {
    // The library's own check for names given twice compares each with each.
    const prepare = (count: number) => {
      const text = Array.from({ length: count }, (_, index) => `k${index}: 1`).join('\n');
      return () => parseYaml(text, 'x');
    };
    assertLinear('YAML', prepare, 2_000);
  });
});
