import { START_NOTES, START_OPTIONS } from '../app/start-options.ts';
import { type Command, command, group } from './cli-command.ts';

const modelsDir = { type: 'string', describe: 'folder of the models (default models/ of the project)' } as const;

/** Runs `bin/NAME` with the arguments after the command's name. It has exit codes and an output of its own. */
const script = (name: string) => async () => {
  const { launch } = await import('./launch.ts');
  return () => launch(name, process.argv.slice(3));
};

const start = command({
  name: 'start',
  summary: 'start Gantry (the same as npm start)',
  details: START_NOTES,
  options: START_OPTIONS,
  load: script('start.mjs'),
});

const models = group('models', 'list, pull and check detection models', [
  command({
    name: 'list',
    summary: 'list the models, with accuracy, cost and licence',
    options: { 'models-dir': modelsDir },
    load: async () => (await import('./models.ts')).list,
  }),
  command({
    name: 'pull',
    takes: '[name]',
    summary: 'fetch and convert a model of the manifest',
    positionals: { name: { type: 'string', describe: 'a model of models list (default: its default)' } },
    options: { 'models-dir': modelsDir },
    load: async () => (await import('./models.ts')).pull,
  }),
  command({
    name: 'check',
    takes: '<file>',
    summary: 'try whether a model fits, and write a spec for it',
    positionals: {
      file: { type: 'string', describe: 'a .onnx, a spec file (.yaml, .json) or a name', demandOption: true },
    },
    options: { 'models-dir': modelsDir },
    load: async () => (await import('./models.ts')).check,
  }),
]);

const prepare = command({
  name: 'prepare',
  summary: 'download the files for a start: model, demo footage, Redis',
  details: `Downloads the default model, Debian's Redis (when none is installed) and the demo camera's footage
(95 MB); on that it makes the model's 8-bit variant. All of it is kept in models/ and .cache/ and downloaded once;
nothing is installed into the system.`,
  options: { 'no-footage': { type: 'boolean', describe: 'no footage, and so no 8-bit variant' } },
  load: async () => (await import('./prepare.ts')).run,
});

const quantize = command({
  name: 'quantize',
  takes: '[name]',
  summary: 'make the 8-bit variant of a detector',
  details: `For a model that Gantry converts itself, on the demo footage, which is downloaded when it is missing
(95 MB). Prints how well it agrees with the float one. A start uses it from then on, unless it agrees too badly.`,
  positionals: { name: { type: 'string', describe: 'the model (default: the default model)' } },
  load: async () => (await import('./quantize-command.ts')).run,
});

const bench = command({
  name: 'bench',
  takes: '<name>',
  summary: 'run a benchmark of bench/ (the same as npm run bench:NAME)',
  details: 'Each benchmark lists its own options: npm run bench:NAME -- --help',
  positionals: { name: { type: 'string', describe: 'the benchmark: a folder of bench/', demandOption: true } },
  load: script('bench.mjs'),
});

const chaos = command({
  name: 'chaos',
  summary: 'break a whole Gantry by a seeded schedule and check that all messages arrive (npm run chaos)',
  options: {
    seed: { type: 'string', describe: 'seed of the schedule' },
    minutes: { type: 'string', describe: 'length of the run' },
    only: { type: 'string', describe: 'kinds of faults, separated by commas' },
  },
  load: script('chaos.mjs'),
});

/** For developers. */
export const trialCommands: readonly Command[] = [bench, chaos];

/** Start, and everything that is fetched or made for one. */
export const bringUpCommands: readonly Command[] = [start, prepare, models, quantize];
