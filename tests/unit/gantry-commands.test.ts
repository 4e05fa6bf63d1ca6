import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Output } from '../../src/cli/output.ts';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { COMMAND_ERRORS } from '../../src/cli/command-errors.ts';
import type { Command } from '../../src/cli/cli-command.ts';
import { PROJECT_ROOT } from '../../src/provision/folders.ts';
import { gantryHere, TextSink } from '../support/gantry-here.ts';

const wordsOf = (commands: readonly Command[], before: readonly string[] = []): [readonly string[], Command][] =>
  commands.flatMap((each) => {
    const words = [...before, each.name];
    return [[words, each] as [readonly string[], Command], ...wordsOf(each.commands, words)];
  });
const ALL = wordsOf(COMMANDS);
/** Arguments with which each command fails before it does any work, with a JSON document on stdout. */
const MISUSES: Readonly<Record<string, readonly string[]>> = {
  'users add': [' '],
  'users list': ['extra'],
  'users remove': [' '],
  'users reset': [' '],
  'dlq list': ['--limit', '0'],
  'dlq show': ['x'],
  'dlq replay': [],
  'releases show': ['No Good'],
  'releases promote': ['../cameras'],
  'releases rollback': ['mini', '--reason', ' '],
  queue: ['--over', '0'],
  replay: [],
  'check-e2e': [],
  completion: ['fish'],
  'keys verify': ['--timeout', '0'],
  'verify-keys': ['--timeout', '0'],
};

describe('every gantry command', () => {
  for (const [words, { options, commands, summary }] of ALL) {
    const name = words.join(' ');
    it(`${name} has a help with every option and command`, async () => {
      for (const ask of ['--help', '-h']) {
        const { code, out, err } = await gantryHere(...words, ask);
        assert.deepEqual([code, err], [0, '']);
        assert.match(out, new RegExp(`^usage: gantry ${name}\\b`, 'u'));
        assert.ok(out.replaceAll(/\s+/gu, ' ').includes(summary));
        for (const option of options) assert.match(out, new RegExp(`--${option}\\b`, 'u'));
        for (const each of commands) assert.match(out, new RegExp(`gantry ${name} ${each.name}\\b`, 'u'));
      }
    });

    it(`${name} refuses an option that it does not have`, async () => {
      const { code, out, err } = await gantryHere(...words, 'nonsense', '--bogus');
      assert.deepEqual([code, out], [2, '']);
      assert.match(err, /bogus/u);
      assert.match(err, /usage: gantry/u);
    });

    it(`${name} answers with one JSON document`, async () => {
      const args = MISUSES[name] ?? ['--bogus'];
      const { code, out, err } = await gantryHere(...words, ...args, '--json');
      assert.deepEqual([code, err], [2, '']);
      assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'USAGE');
    });
  }

  it('is in docs/cli.md, as are the codes of errors', () => {
    const text = readFileSync(join(PROJECT_ROOT, 'docs', 'cli.md'), 'utf8');
    for (const [words, { commands }] of ALL)
      if (commands.length === 0) assert.ok(text.includes(`\`${words.join(' ')}`), words.join(' '));
    for (const code of Object.keys(COMMAND_ERRORS)) assert.ok(text.includes(`\`${code}\``), code);
  });
});

describe('gantry', () => {
  it('gives results and failures as JSON', async () => {
    const models = JSON.parse((await gantryHere('models', 'list', '--json')).out) as { models: { name: string }[] };
    assert.ok(models.models.length > 3);
    const { code, out } = await gantryHere('queue', '--data-dir', join(PROJECT_ROOT, 'nowhere'), '--json');
    assert.equal(code, 1);
    assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, 'NOT_RUNNING');
  });

  it('suggests the command that was meant, says its version, and takes help as a word', async () => {
    assert.match((await gantryHere('key')).err, /Did you mean keys\?/u);
    assert.match((await gantryHere('--version')).out, /^\d+\.\d+\.\d+\n$/u);
    assert.match((await gantryHere('keys', 'help')).out, /gantry keys verify/u);
  });

  it('takes the last of an option given twice', async () => {
    const twice = await gantryHere('queue', '--over', 'x', '--over', '0', '--json');
    assert.match(twice.out, /not \\"0\\"/u);
  });

  it('completes commands, options and names of models', async () => {
    const completed = async (...line: string[]): Promise<string[]> =>
      (await gantryHere('--get-yargs-completions', 'gantry', ...line)).out.trim().split('\n');
    assert.ok((await completed('ke')).includes('keys'));
    assert.deepEqual(await completed('keys', 'v'), ['verify', 'encrypt', 'decrypt']);
    assert.ok((await completed('keys', 'verify', '--')).includes('--timeout'));
    assert.ok((await completed('models', 'pull', '')).includes('yolox-s'));
  });
});

describe('the output of a command', () => {
  it('is a bar on a terminal only, and nothing with --json', async () => {
    const shown = async (isTTY: boolean, json: boolean): Promise<[string, string]> => {
      const [stdout, stderr] = [new TextSink(), new TextSink(isTTY)];
      const progress = await new Output({ stdout, stderr }, json).progress('work', 'lines');
      progress.at(0.1, 'first', 'a');
      progress.at(0.15, 'within the same tenth', 'a');
      progress.at(0.5, 'second', 'a');
      progress.end();
      return [stdout.text, stderr.text];
    };
    assert.deepEqual(await shown(false, false), ['first\nsecond\n', '']);
    assert.deepEqual(await shown(false, true), ['', '']);
    assert.deepEqual(await shown(true, true), ['', '']);
    const [out, bar] = await shown(true, false);
    assert.equal(out, '');
    assert.notEqual(bar, '');
  });
});
