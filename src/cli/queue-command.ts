import { connect, type JetStreamManager, NatsError } from 'nats';
import { consumers, PRIORITIES_URGENT_FIRST, streams, subjects } from '../messages/subjects.ts';
import type { Priority } from '../messages/task.ts';
import { natsOptions, shownNats } from '../servers/nats-url.ts';
import { asError } from '../runtime/errors.ts';
import { CommandError, numberIn } from './command-errors.ts';
import type { Output } from './output.ts';
import { findNats } from './running-nats.ts';

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

/** `gantry queue`. Exit code 0: shown. Rejects `NOT_REACHABLE` when NATS or the queue does not answer. */
export async function run(
  args: { readonly 'data-dir': string | undefined; readonly over: string | undefined },
  output: Output,
): Promise<number> {
  const overMs = numberIn('--over', args.over ?? '2', 0.1, 3_600, 'seconds') * 1_000;
  const url = await findNats(args['data-dir']);
  const rows = await ask(url, overMs);
  output.result(rows, table(rows));
  return 0;
}

async function ask(url: string, overMs: number): Promise<QueueRow[]> {
  try {
    const nc = await connect({ ...natsOptions(url), name: 'gantry-queue', timeout: 3_000, reconnect: false });
    try {
      return await readQueue(await nc.jetstreamManager(), overMs);
    } finally {
      await nc.close();
    }
  } catch (thrown) {
    const why = asError(thrown).message;
    throw new CommandError('NOT_REACHABLE', `the queue at ${shownNats(url)} does not answer: ${why}`, thrown);
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
