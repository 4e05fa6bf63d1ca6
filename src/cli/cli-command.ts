import type { Argv, CommandModule, InferredOptionTypes, Options, PositionalOptions } from 'yargs';
import type { Output } from './output.ts';

/** A command, or a group of them such as `dlq`. */
export interface Command {
  /** One word. */
  readonly name: string;
  readonly summary: string;
  /** Names of its own options, without the dashes; none for a group. */
  readonly options: readonly string[];
  /** Empty for a command that does something itself. */
  readonly commands: readonly Command[];
  /** For yargs. `parent`: the words before the name; `execute` runs the work of the command that was called. */
  toModule(execute: Execute, parent: string): CommandModule;
}

/** Options of every command. */
type CommonOptions = Readonly<Record<'json', { readonly type: 'boolean' }>>;

export type Work = (output: Output) => Promise<number>;
export type Execute = (work: Work) => Promise<void>;

interface Definition<P extends Record<string, PositionalOptions>, O extends Record<string, Options>> {
  readonly name: string;
  /** Positional arguments as yargs writes them: `<id>` needed, `[name]` optional, `[ids..]` many. */
  readonly takes?: string;
  readonly summary: string;
  /** Shown below the options. */
  readonly details?: string;
  readonly positionals?: P;
  readonly options?: O;
  /** Loads the module, only when the command is used. Resolves to its function, which resolves to the exit code. */
  readonly load: () => Promise<(args: InferredOptionTypes<P & O>, output: Output) => Promise<number>>;
}

/** The last one counts when an option is given twice. */
const lastOf = (value: unknown): unknown => (Array.isArray(value) ? value.at(-1) : value);

const normal = (option: Options): Options =>
  option.type === 'array'
    ? option
    : { ...option, ...(option.type === 'string' ? { requiresArg: true } : {}), coerce: lastOf };

const usageOf = (words: string, summary: string): string => `usage: ${words} [options]\n\n${summary}`;

/** Without the line breaks of the source: yargs wraps lines at the width of the terminal. */
const paragraphs = (text: string): string => text.replaceAll(/(?<!\n)\n(?!\n)/gu, ' ');

export function command<
  const P extends Record<string, PositionalOptions> = CommonOptions,
  const O extends Record<string, Options> = CommonOptions,
>({ name, takes = '', summary, details = '', positionals, options, load }: Definition<P, O>): Command {
  const build = (y: Argv, parent: string): Argv<InferredOptionTypes<P & O>> => {
    y.usage(usageOf(`${parent} ${name} ${takes}`.trim(), summary));
    for (const [key, option] of Object.entries(positionals ?? {})) y.positional(key, option);
    for (const [key, option] of Object.entries(options ?? {})) y.option(key, normal(option));
    // The loops lose the types of the options.
    return y.epilogue(paragraphs(details)) as Argv<InferredOptionTypes<P & O>>;
  };
  return {
    name,
    summary,
    options: Object.keys(options ?? {}),
    commands: [],
    toModule: (execute, parent) => {
      const module: CommandModule<object, InferredOptionTypes<P & O>> = {
        command: `${name} ${takes}`.trim(),
        describe: summary,
        builder: (y: Argv) => build(y, parent),
        handler: (args) => execute(async (output) => (await load())(args as InferredOptionTypes<P & O>, output)),
      };
      return module as CommandModule;
    },
  };
}

/** A group of commands: `gantry NAME COMMAND`. */
export const group = (name: string, summary: string, commands: readonly Command[]): Command => ({
  name,
  summary,
  options: [],
  commands,
  toModule: (execute, parent) => ({
    command: name,
    describe: summary,
    builder: (y) => {
      y.usage(usageOf(`${parent} ${name} COMMAND`, summary));
      for (const each of commands) y.command(each.toModule(execute, `${parent} ${name}`));
      const names = commands.map((each) => each.name);
      return y.demandCommand(1, `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}?`);
    },
    handler: () => undefined,
  }),
});
