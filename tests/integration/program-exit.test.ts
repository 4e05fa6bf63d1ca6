import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runProgram } from '../../src/provision/command.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const urlOf = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, path)).href);
const codeOf = async (...args: string[]): Promise<number | null> =>
  (await runProgram(process.execPath, args, { timeoutMs: 60_000 })).code;

/** The program around a start that ends like this. */
const starting = (thrown: string): Promise<number | null> =>
  codeOf(
    '--input-type=module',
    '-e',
    `const { runAsProgram } = await import(${urlOf('src/app/program.ts')});
     const { InfraError } = await import(${urlOf('src/infra/infra-error.ts')});
     await runAsProgram(() => Promise.reject(${thrown}));`,
  );

it('start and chaos end as every command does: 2 for a wrong call or setting, 1 for a failure', async () => {
  assert.deepEqual(
    [
      await codeOf(join(ROOT, 'src', 'main.ts'), '--no-such-option'),
      await codeOf(join(ROOT, 'tests', 'chaos', 'main.ts'), '--minutes', '0'),
      await starting(`new InfraError('CONFIG_INVALID', 'wrong', {})`),
      await starting(`new Error('out of luck')`),
    ],
    [2, 2, 2, 1],
  );
});
