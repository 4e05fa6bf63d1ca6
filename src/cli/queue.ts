import { parseArgs } from 'node:util';
import { connect, type JetStreamManager, NatsError } from 'nats';
import { consumers, PRIORITIES_URGENT_FIRST, streams, subjects } from '../messages/subjects.ts';
import type { Priority } from '../messages/task.ts';
import { natsOptions, shownNats } from '../servers/nats-url.ts';
import { asError } from '../runtime/errors.ts';
import { numberIn, runCommand } from './command-line.ts';
import { findNats } from './running-nats.ts';

const USAGE = `usage: npm run gantry -- queue [--data-dir DIR] [--over SECONDS] [--json]

Shows the assessment tasks of a running Gantry: the questions about cameras' groups, and per priority submitted pictures
and replayed frames. How many are waiting and in flight, the age of the oldest, and how many per second were taken,
measured over some seconds (default 2). Schedulers take every question at once, to choose among them, so these are in
flight until they are answered.

Uses NATS of the Gantry that runs on the data folder (--data-dir DIR), or NATS_URL.`;

/** A consumer of the schedulers; `priority`: null for the questions, which go by value. */
interface Queue {
  readonly priority: Priority | null;
  readonly stream: string;
  readonly durable: string;
  readonly subject: string;
}

const QUEUES: readonly Queue[] = [
  { priority: null, stream: streams.questions, durable: consumers.questions, subject: subjects.questions },
  ...PRIORITIES_URGENT_FIRST.map((priority) => ({
    priority,
    stream: streams.tasks,
    durable: consumers.scheduler(priority),
    subject: subjects.tasksOf(priority),
  })),
];

/** The questions, or one priority of the other tasks. */
interface QueueRow extends Pick<Queue, 'priority'> {
  /** Not yet taken by any scheduler. */
  readonly waiting: number;
  /** Taken by a scheduler, not yet answered. */
  readonly inFlight: number;
  /** Age of the oldest waiting task, in ms; null when none waits. */
  readonly oldestMs: number | null;
  /** Taken per second. */
  readonly perSecond: number;
}

interface Options {
  readonly dataDir: string | undefined;
  readonly overMs: number;
  readonly json: boolean;
}

/** `gantry queue`. Exit code 0: shown; 1: NATS or the queue does not answer; 2: wrong arguments. */
export const run = (args: string[]): Promise<number> => runCommand('queue', USAGE, args, readOptions, show);

function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: { 'data-dir': { type: 'string' }, over: { type: 'string' }, json: { type: 'boolean' } },
  });
  return {
    dataDir: values['data-dir'],
    overMs: numberIn('--over', values.over ?? '2', 0.1, 3_600, 'seconds') * 1_000,
    json: values.json === true,
  };
}

async function show({ dataDir, overMs, json }: Options): Promise<number> {
  const url = await findNats(dataDir);
  if (url === undefined) return 1;
  try {
    const nc = await connect({ ...natsOptions(url), name: 'gantry-queue', timeout: 3_000, reconnect: false });
    try {
      const rows = await readQueue(await nc.jetstreamManager(), overMs);
      console.log(json ? JSON.stringify(rows, null, 2) : table(rows));
      return 0;
    } finally {
      await nc.close();
    }
  } catch (thrown) {
    console.error(`the queue at ${shownNats(url)} does not answer: ${asError(thrown).message}`);
    return 1;
  }
}

/** Reads the queues twice, `overMs` apart. */
async function readQueue(jsm: JetStreamManager, overMs: number): Promise<QueueRow[]> {
  const infos = () =>
    Promise.all(QUEUES.map(async (queue) => ({ queue, info: await jsm.consumers.info(queue.stream, queue.durable) })));
  const began = performance.now();
  const before = await infos();
  await new Promise((resolve) => setTimeout(resolve, overMs));
  const after = await infos();
  const seconds = (performance.now() - began) / 1_000;
  return Promise.all(
    after.map(async ({ queue, info }, index) => {
      const taken =
        info.delivered.consumer_seq - (before[index]?.info.delivered.consumer_seq ?? info.delivered.consumer_seq);
      return {
        priority: queue.priority,
        waiting: info.num_pending,
        inFlight: info.num_ack_pending,
        oldestMs: info.num_pending === 0 ? null : await ageOf(jsm, queue, info.delivered.stream_seq + 1),
        perSecond: Math.round((Math.max(0, taken) / seconds) * 100) / 100,
      };
    }),
  );
}

/** Age of the first message of a queue at or after `seq`; null when it was taken meanwhile. */
async function ageOf(jsm: JetStreamManager, { stream, subject }: Queue, seq: number): Promise<number | null> {
  try {
    // The library's types do not know `next_by_subj`, which every server since 2.9 does.
    const next = { seq, next_by_subj: subject };
    const { time } = await jsm.streams.getMessage(stream, next);
    return Math.max(0, Date.now() - time.getTime());
  } catch (thrown) {
    if (thrown instanceof NatsError && thrown.code === '404') return null;
    throw thrown;
  }
}

function table(rows: readonly QueueRow[]): string {
  const cell = (value: string): string => value.padStart(12);
  const line = (cells: readonly string[]): string => cells.map(cell).join('');
  const total = (of: (row: QueueRow) => number): number => rows.reduce((sum, row) => sum + of(row), 0);
  return [
    line(['queue', 'waiting', 'in flight', 'oldest', 'taken/s']),
    ...rows.map((row) =>
      line([
        row.priority === null ? 'questions' : `p${row.priority}`,
        String(row.waiting),
        String(row.inFlight),
        row.oldestMs === null ? '-' : `${(row.oldestMs / 1_000).toFixed(1)} s`,
        row.perSecond.toFixed(2),
      ]),
    ),
    line([
      'all',
      String(total((row) => row.waiting)),
      String(total((row) => row.inFlight)),
      '',
      total((row) => row.perSecond).toFixed(2),
    ]),
  ].join('\n');
}
