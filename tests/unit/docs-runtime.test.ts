import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { RUNTIME_ERRORS } from '../../src/runtime/errors.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DOCUMENT = await readFile(join(ROOT, 'docs', 'runtime.md'), 'utf8');
const run = promisify(execFile);

/** The programs of docs/runtime.md, each with the heading above it. Their imports lead to this checkout. */
const programs = DOCUMENT.split(/^## /mu).flatMap((section) => {
  const [heading = ''] = section.split('\n');
  return [...section.matchAll(/^```ts\n(.*?)^```$/gmsu)].map(([, code = '']) => ({
    heading,
    code: code.replaceAll("'../src/", `'${ROOT}/src/`),
  }));
});

describe('docs/runtime.md', () => {
  test('every program compiles and runs to its end', async (t) => {
    assert.ok(programs.length >= 9, `found ${programs.length} programs`);
    const folder = await mkdtemp(join(tmpdir(), 'gantry-docs-'));
    t.after(() => rm(folder, { recursive: true }));
    const files = await Promise.all(
      programs.map(async ({ code }, index) => {
        const file = join(folder, `program-${index}.ts`);
        await writeFile(file, code);
        return file;
      }),
    );
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    const typeRoots = [join(ROOT, 'node_modules', '@types')];
    const compilerOptions = { typeRoots, rewriteRelativeImportExtensions: false };
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['*.ts'] }),
    );
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc');
    await run(tsc, ['--project', folder]).catch(({ stdout }: { stdout: string }) => assert.fail(stdout));
    for (const [index, file] of files.entries()) {
      const { heading } = programs[index]!;
      await t.test(heading, async () => {
        await run(process.execPath, [file], { timeout: 30_000 });
      });
    }
  });

  test('the table of errors is the one of the code', () => {
    const rows = [...DOCUMENT.matchAll(/^\| `([A-Z_]+)` \| (.*) \|$/gmu)].map(([, code, when]) => [code, when]);
    assert.deepEqual(rows, Object.entries(RUNTIME_ERRORS));
  });

  test('the runtime uses every error code', () => {
    const files = globSync('**/*.ts', { cwd: join(ROOT, 'src', 'runtime') });
    const source = files.map((file) => readFileSync(join(ROOT, 'src', 'runtime', file), 'utf8')).join('\n');
    const unused = Object.keys(RUNTIME_ERRORS).filter((code) => !source.includes(`'${code}'`));
    assert.deepEqual(unused, []);
  });
});
