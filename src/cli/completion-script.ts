import { join } from 'node:path';
import yargs from 'yargs';
import { PROJECT_ROOT } from '../provision/folders.ts';
import type { Output } from './output.ts';

type Shell = 'bash' | 'zsh';

/** `gantry completion [bash|zsh]`: prints the script that the shell's start file sources. */
export async function run({ shell }: { readonly shell: Shell | undefined }, output: Output): Promise<number> {
  const wanted = shell ?? ((process.env['SHELL'] ?? '').includes('zsh') ? 'zsh' : 'bash');
  const script = await scriptFor(wanted);
  output.result({ shell: wanted, script }, script.trimEnd());
  return 0;
}

async function scriptFor(shell: Shell): Promise<string> {
  // yargs chooses by this variable alone.
  const before = process.env['SHELL'];
  process.env['SHELL'] = shell;
  try {
    let script = '';
    await yargs()
      .scriptName('gantry')
      .completion('completion')
      .parseAsync(['completion'], {}, (_error, _argv, text) => {
        script = text;
      });
    return script.replaceAll('gantry --get-yargs-completions', `${callBy(shell)} --get-yargs-completions`);
  } finally {
    if (before === undefined) delete process.env['SHELL'];
    else process.env['SHELL'] = before;
  }
}

/** Works where `gantry` is an alias or a function, and in a shell other than the one of the login. */
const callBy = (shell: Shell): string =>
  `SHELL=${shell} ${quoted(process.execPath)} ${quoted(join(PROJECT_ROOT, 'bin', 'gantry.mjs'))}`;

const quoted = (path: string): string => `'${path.replaceAll("'", String.raw`'\''`)}'`;
