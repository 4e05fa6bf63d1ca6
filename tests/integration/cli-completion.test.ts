import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';
import { gantryHere } from '../support/gantry-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const execute = promisify(execFile);

it('bash completes by the script that gantry prints, from any folder', async () => {
  const { out: script } = await gantryHere('completion', 'bash');
  const complete = async (...words: string[]): Promise<string[]> => {
    const ask = `${script}
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_gantry_yargs_completions
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, GANTRY_DATA_DIR: temporaryFolder() };
    const { stdout } = await execute('bash', ['-c', ask, 'bash', ...words], { cwd: '/', env });
    return stdout.trim().split('\n').toSorted();
  };
  assert.deepEqual(await complete('gantry', 'ke'), ['keys']);
  assert.deepEqual(await complete('gantry', 'keys', 'en'), ['encrypt']);
  assert.deepEqual(await complete('gantry', 'quantize', 'yolox-'), ['yolox-nano', 'yolox-s', 'yolox-tiny']);
});

it('zsh gets a script of its own, and every path is quoted', async () => {
  const { out } = await gantryHere('completion', 'zsh', '--json');
  const { shell, script } = JSON.parse(out) as { shell: string; script: string };
  assert.equal(shell, 'zsh');
  assert.match(script, /^#compdef gantry/u);
  assert.ok(script.includes(`SHELL=zsh '${process.execPath}' '${join(PROJECT_ROOT, 'bin', 'gantry.mjs')}' --get-y`));
});
