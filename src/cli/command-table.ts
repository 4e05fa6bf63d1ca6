import { type Command, command, group } from './cli-command.ts';
import { keyCommands } from './keys/key-commands.ts';
import { bringUpCommands, trialCommands } from './bring-up-commands.ts';

const NATS_FROM = 'Uses NATS of the Gantry that runs on the data folder, or NATS_URL.';
const dataDir = {
  type: 'string',
  describe: 'data folder of the running Gantry (GANTRY_DATA_DIR, default ./data)',
} as const;
const stream = { type: 'string', describe: 'only dead letters of this stream' } as const;
const user = { type: 'string', describe: 'name of the user', demandOption: true } as const;

const users = group('users', 'add, list, remove users and reset their passwords', [
  command({
    name: 'add',
    takes: '<name>',
    summary: 'make a user; prints a link that sets the password, once, within a day',
    details: `The first user must be an admin for all cameras. ${NATS_FROM}`,
    positionals: { name: user },
    options: {
      role: { type: 'string', describe: 'viewer, operator or admin (default viewer)' },
      groups: { type: 'string', describe: 'groups of cameras, separated by commas (default all cameras)' },
      'data-dir': dataDir,
    },
    load: async () => (await import('./users-command.ts')).add,
  }),
  command({
    name: 'list',
    summary: 'list the users, with their roles and sessions',
    details: NATS_FROM,
    options: { 'data-dir': dataDir },
    load: async () => (await import('./users-command.ts')).list,
  }),
  command({
    name: 'remove',
    takes: '<name>',
    summary: "remove a user and end the user's sessions at once",
    details: NATS_FROM,
    positionals: { name: user },
    options: { 'data-dir': dataDir },
    load: async () => (await import('./users-command.ts')).remove,
  }),
  command({
    name: 'reset',
    takes: '<name>',
    summary: 'print a link that sets a new password, once, within a day',
    details: NATS_FROM,
    positionals: { name: user },
    options: { 'data-dir': dataDir },
    load: async () => (await import('./users-command.ts')).reset,
  }),
]);

const dlq = group('dlq', 'list, show and replay dead letters: messages that were given up, kept for 7 days', [
  command({
    name: 'list',
    summary: 'list the newest dead letters',
    details: NATS_FROM,
    options: {
      stream,
      limit: { type: 'string', describe: 'at most so many, 1 to 100000 (default 50)' },
      'data-dir': dataDir,
    },
    load: async () => (await import('./dlq.ts')).list,
  }),
  command({
    name: 'show',
    takes: '<id>',
    summary: 'show one dead letter with its headers and body',
    details: NATS_FROM,
    positionals: { id: { type: 'string', describe: 'its id, of dlq list', demandOption: true } },
    options: { 'data-dir': dataDir },
    load: async () => (await import('./dlq.ts')).show,
  }),
  command({
    name: 'replay',
    takes: '[ids..]',
    summary: 'publish original messages again and remove them from the list',
    details: NATS_FROM,
    positionals: { ids: { type: 'string', array: true, describe: 'ids, of dlq list' } },
    options: {
      all: { type: 'boolean', describe: 'all, oldest first, in place of ids' },
      stream,
      'data-dir': dataDir,
    },
    load: async () => (await import('./dlq.ts')).replay,
  }),
]);

const queue = command({
  name: 'queue',
  summary: 'show the assessment tasks waiting, per priority',
  details: `Shows the questions about cameras' groups, and per priority submitted pictures and replayed frames: how
many are waiting and in flight, the age of the oldest, and how many per second were taken. Schedulers take every
question at once, to choose among them, so these are in flight until they are answered. ${NATS_FROM}`,
  options: {
    over: { type: 'string', describe: 'measure over so many seconds, 0.1 to 3600 (default 2)' },
    'data-dir': dataDir,
  },
  load: async () => (await import('./queue-command.ts')).run,
});

const replay = command({
  name: 'replay',
  summary: 'have frames of the last hour assessed again',
  details: `Each detection with groups that NATS still holds (one hour) is published again as a frame of its own:
with a new request id, "replayOf" naming the old one, and the lowest priority, so that live frames go first. Results
come as for every frame; a replayed frame never replaces a newer one of its camera. Pictures are made when somebody
asks, until 12 s after their frame, and kept for 5 minutes (those of alerts as long as the alert). A frame without a
picture is assessed by rules, for the reason no-image. ${NATS_FROM}`,
  options: {
    since: { type: 'string', describe: 'a time (2026-01-31T08:00:00Z) or how long ago (90s, 10m, 1h); needed' },
    until: { type: 'string', describe: 'the same, for the end (default now)' },
    camera: { type: 'string', describe: 'only frames of this camera' },
    rate: { type: 'string', describe: 'at most so many frames a second, 0.1 to 1000 (default 20)' },
    'dry-run': { type: 'boolean', describe: 'only say how many there are' },
    'data-dir': dataDir,
  },
  load: async () => (await import('./replay.ts')).run,
});

const trace = command({
  name: 'trace',
  takes: '<request>',
  summary: 'print the way of one frame as a tree with times',
  details: `Camera, decode, detect, publish, then each task with its leases and calls, and each revision of the
aggregate. It reads the messages that NATS still holds: detections and answers for an hour, aggregates for ten
minutes, alerts for thirty days. Parts whose message is gone are named. ${NATS_FROM}`,
  positionals: {
    request: { type: 'string', describe: 'id of a frame, an alert or a submitted picture', demandOption: true },
  },
  options: {
    camera: { type: 'string', describe: 'its camera (default: the messages of all cameras around that time)' },
    'data-dir': dataDir,
  },
  load: async () => (await import('./trace-command.ts')).run,
});

const HTTP_FROM = 'Asks the Gantry that runs on the data folder. GANTRY_TOKEN: its token, or an API token of a user';
const release = { type: 'string', describe: 'its id, of releases list', demandOption: true } as const;

const releases = group('releases', 'list, show, promote and roll back releases: other ways to judge', [
  command({
    name: 'list',
    summary: 'list the releases, and the present way to judge',
    details: `${HTTP_FROM}.`,
    options: { 'data-dir': dataDir },
    load: async () => (await import('./releases-command.ts')).list,
  }),
  command({
    name: 'show',
    takes: '<id>',
    summary: 'show a release with its figures beside those of the present way',
    details: `${HTTP_FROM}.`,
    positionals: { id: release },
    options: { 'data-dir': dataDir },
    load: async () => (await import('./releases-command.ts')).show,
  }),
  command({
    name: 'promote',
    takes: '<id>',
    summary: 'make a running release the present way, on all nodes',
    details: `${HTTP_FROM} who is an admin.`,
    positionals: { id: release },
    options: { 'data-dir': dataDir },
    load: async () => (await import('./releases-command.ts')).promote,
  }),
  command({
    name: 'rollback',
    takes: '<id>',
    summary: 'take a running or promoted release back, on all nodes',
    details: `${HTTP_FROM} who is an admin.`,
    positionals: { id: release },
    options: {
      reason: { type: 'string', describe: 'why, for the list and the audit' },
      'data-dir': dataDir,
    },
    load: async () => (await import('./releases-command.ts')).rollback,
  }),
]);

const monitoring = command({
  name: 'monitoring',
  summary: 'show the alert rules about Gantry itself, their alerts and silences',
  details: `${HTTP_FROM} who is an operator or admin. The exit code is 0 also while alerts fire.`,
  options: { 'data-dir': dataDir },
  load: async () => (await import('./monitoring-command.ts')).run,
});

const checkE2e = command({
  name: 'check-e2e',
  summary: 'follow one camera of a running Gantry through every stage',
  details: 'On the wire; fails when a stage is silent. GANTRY_TOKEN: the token of the running Gantry.',
  options: {
    'camera-id': { type: 'string', describe: 'the camera; needed' },
    duration: { type: 'string', describe: 'follow it for so many seconds, 1 to 86400 (default 60)' },
    'data-dir': dataDir,
  },
  load: async () => (await import('./check-e2e.ts')).run,
});

const completion = command({
  name: 'completion',
  takes: '[shell]',
  summary: 'print the script that lets a shell complete commands, options and names',
  details: 'For good: gantry completion bash >> ~/.bashrc',
  positionals: { shell: { choices: ['bash', 'zsh'], describe: 'default: the shell of the login' } },
  load: async () => (await import('./completion-script.ts')).run,
});

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...bringUpCommands,
  ...keyCommands,
  users,
  queue,
  dlq,
  replay,
  trace,
  releases,
  monitoring,
  checkE2e,
  ...trialCommands,
  completion,
];
