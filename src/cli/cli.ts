interface Command {
  readonly summary: string;
  /** Loads the command's module, only when it is used. */
  readonly load: () => Promise<{ run(args: string[]): Promise<number> }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  models: { summary: 'list, pull and check detection models', load: () => import('./models.ts') },
  prepare: {
    summary: 'download the files for a start: model, demo footage, Redis',
    load: () => import('./prepare.ts'),
  },
  quantize: { summary: 'make the 8-bit variant of a detector', load: () => import('./quantize-command.ts') },
  'check-e2e': {
    summary: 'follow one camera of a running Gantry through every stage',
    load: () => import('./check-e2e.ts'),
  },
  keys: { summary: 'verify, encrypt and decrypt API keys', load: () => import('./keys-command.ts') },
  'verify-keys': { summary: 'the same as keys verify', load: () => import('./verify-keys.ts') },
  'encrypt-keys': { summary: 'the same as keys encrypt', load: () => import('./encrypt-keys.ts') },
  queue: { summary: 'show the assessment tasks waiting, per priority', load: () => import('./queue.ts') },
  dlq: { summary: 'list, show and replay dead letters', load: () => import('./dlq.ts') },
  replay: { summary: 'have frames of the last hour assessed again', load: () => import('./replay.ts') },
};

const USAGE = `usage: npm run gantry -- COMMAND [arguments]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(12)} ${summary}`)
  .join('\n')}

To start Gantry itself: npm start -- --help`;

const [name, ...args] = process.argv.slice(2);
const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (command !== undefined) {
  const loaded = await command.load();
  // Not process.exit, which would cut off output still being written to a pipe.
  process.exitCode = await loaded.run(args);
} else if (name === 'help' || name === '--help' || name === '-h') {
  console.log(USAGE);
} else {
  console.error(name === undefined ? USAGE : `gantry: there is no command "${name}"\n\n${USAGE}`);
  process.exitCode = 2;
}
