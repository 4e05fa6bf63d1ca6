import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from '../../src/provision/command.ts';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';
import { gantryHere } from '../support/gantry-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const GANTRY = join(PROJECT_ROOT, 'bin', 'gantry.mjs');

/** A wrapper around a program that counts the signals it gets and ends with status 7 a moment after the first. */
async function wrapped(
  t: TestContext,
): Promise<{ wrapper: ChildProcessByStdio<null, Readable, null>; output: () => string }> {
  const folder = temporaryFolder();
  const program = join(folder, 'program.mjs');
  await writeFile(
    program,
    "for (const s of ['SIGINT', 'SIGTERM']) process.on(s, () => { " +
      'console.log(s); setTimeout(() => process.exit(7), 400); }); ' +
      "setInterval(() => {}, 1000); console.log('up');",
  );
  const main = join(folder, 'wrapper.mjs');
  await writeFile(
    main,
    `import { run } from ${JSON.stringify(join(PROJECT_ROOT, 'bin', 'bootstrap.mjs'))}; ` +
      `process.exit(await run(process.execPath, [${JSON.stringify(program)}]));`,
  );
  const wrapper = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => wrapper.kill('SIGKILL'));
  let output = '';
  wrapper.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await until('the program runs', () => output.includes('up'));
  return { wrapper, output: () => output };
}

test('one Ctrl-C that comes twice, from the terminal and from npm, reaches the program once', async (t) => {
  const { wrapper, output } = await wrapped(t);
  wrapper.kill('SIGINT');
  await delay(50);
  wrapper.kill('SIGINT');
  assert.deepEqual(await once(wrapper, 'close'), [7, null]);
  assert.deepEqual(output().trim().split('\n'), ['up', 'SIGINT']);
});

test('another signal is forwarded, and the exit status comes back', async (t) => {
  const { wrapper, output } = await wrapped(t);
  wrapper.kill('SIGTERM');
  assert.deepEqual(await once(wrapper, 'close'), [7, null]);
  assert.deepEqual(output().trim().split('\n'), ['up', 'SIGTERM']);
});

test('gantry without a command, or with one it does not have, prints its commands and ends with status 2', async () => {
  const program = await runProgram(process.execPath, [GANTRY, 'nonsense'], { timeoutMs: 60_000 });
  const ran = [
    { args: ['nonsense'], code: program.code, out: program.stdout, err: program.stderr },
    { args: [], ...(await gantryHere()) },
    { args: ['constructor'], ...(await gantryHere('constructor')) },
  ];
  for (const { args, code, out, err } of ran) {
    assert.equal(code, 2);
    assert.equal(out, '');
    assert.match(err, /usage: gantry COMMAND[\s\S]*models[\s\S]*check-e2e/);
    if (args[0] !== undefined) assert.match(err, new RegExp(`^gantry: Unknown argument: ${args[0]}`, 'm'));
  }
  const help = await gantryHere('--help');
  assert.equal(help.code, 0);
  assert.match(help.out, /usage: gantry COMMAND/);
});

test('arguments reach the command, and its exit status comes back', async () => {
  const { code, stderr } = await runProgram(process.execPath, [GANTRY, 'models', 'nonsense'], { timeoutMs: 60_000 });
  assert.equal(code, 2);
  assert.match(stderr, /usage: gantry models COMMAND/);
});
