import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs, { type Argv } from 'yargs';
import { PROJECT_ROOT } from '../provision/folders.ts';
import { serializeError } from '../runtime/errors.ts';
import { COMMANDS } from './command-table.ts';
import { UsageError } from './command-errors.ts';
import type { Execute } from './cli-command.ts';
import { knownValues } from './completed-values.ts';
import { Output, type Streams } from './output.ts';

const FAILED = 1;
const MISUSED = 2;
const COMPLETIONS = '--get-yargs-completions';

const EXIT_CODES =
  'Exit codes: 0 done, 1 failed, 2 wrong arguments, 130 interrupted. All commands: docs/cli.md.\n' +
  'Also as: npx gantry COMMAND, npm run gantry -- COMMAND.';

/** A refusal of the arguments by yargs, with the help of the command meant. */
class Misuse extends UsageError {
  readonly help: string;

  constructor(message: string, help: string) {
    super(message);
    this.help = help;
  }
}

/** Runs one command with these arguments. Resolves to its exit code; does not reject. */
export async function runGantry(given: readonly string[], streams: Streams): Promise<number> {
  const args = withHelpOption(given);
  const output = new Output(streams, args.includes('--json'));
  let code = 0;
  const parser = createParser(args, async (work) => {
    code = await work(output);
  });
  try {
    // A shell's completion script asks: the command line so far follows, `gantry` first.
    const values = args[0] === COMPLETIONS ? await knownValues(args.slice(2)) : null;
    if (values !== null) {
      for (const each of values) streams.stdout.write(`${each}\n`);
      return 0;
    }
    // With a callback, yargs hands over help, version and completions instead of printing them.
    await parser.parseAsync([...args], {}, (_error, _argv, text) => {
      if (text !== '') streams.stdout.write(`${text}\n`);
    });
    return code;
  } catch (thrown) {
    return explain(thrown, nameOf(args), output, parser);
  }
}

/** `gantry keys help` means `gantry keys --help`. */
function withHelpOption(args: readonly string[]): readonly string[] {
  const at = args[0] === COMPLETIONS ? -1 : args.slice(0, 2).indexOf('help');
  return at === -1 ? args : [...args.slice(0, at), '--help'];
}

/** The words of the command that was called: `gantry keys verify`. */
function nameOf(args: readonly string[]): string {
  const words = ['gantry'];
  let commands = COMMANDS;
  for (const arg of args) {
    const found = commands.find(({ name }) => name === arg);
    if (found === undefined) break;
    words.push(found.name);
    commands = found.commands;
  }
  return words.join(' ');
}

function createParser(args: readonly string[], execute: Execute): Argv {
  const parser = yargs([...args])
    .scriptName('gantry')
    .locale('en')
    .exitProcess(false)
    .parserConfiguration({
      'boolean-negation': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .usage('usage: $0 COMMAND [options]')
    .option('json', { type: 'boolean', describe: 'print one JSON document, also for an error' })
    .alias('help', 'h')
    .version(versionOf())
    .demandCommand(1, 'name a command')
    .recommendCommands()
    .strict()
    .epilogue(EXIT_CODES)
    .fail((message: string | null, error: Error | undefined, y: Argv) => {
      // An error without a message is one that a command threw.
      if (error !== undefined && message === null) throw error;
      let help = '';
      y.showHelp((text) => (help = text));
      throw new Misuse(message ?? '', help);
    });
  for (const each of COMMANDS) parser.command(each.toModule(execute, 'gantry'));
  return parser;
}

const versionOf = (): string => {
  const { version }: { readonly version: string } = JSON.parse(
    readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'),
  );
  return version;
};

async function explain(thrown: unknown, name: string, output: Output, parser: Argv): Promise<number> {
  if (thrown instanceof UsageError) {
    const help = thrown instanceof Misuse ? thrown.help : await helpOf(name, parser);
    output.error(name, 'USAGE', thrown.message, help);
    return MISUSED;
  }
  const { code, message } = serializeError(thrown);
  // Errors of ours and of the system have a code; Node's own mistakes of programming have one that starts with ERR_.
  if (code === null || code.startsWith('ERR_')) output.crash(name, thrown);
  else output.error(name, code, message);
  return FAILED;
}

async function helpOf(name: string, parser: Argv): Promise<string> {
  let help = '';
  await parser.parseAsync([...name.split(' ').slice(1), '--help'], {}, (_error, _argv, text) => {
    help = text;
  });
  return help;
}
