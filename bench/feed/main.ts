/**
 * `npm run bench:feed [-- --json] [-- --quick]`: the live feed beside bare `ws` that broadcasts the same bytes to as
 * many viewers. Each server has a process of its own, each server's viewers another one with the same client. Rounds
 * alternate between the two. First at 25 messages a second, then as fast as the connections take them; then, for
 * Gantry, rounds with and without one viewer that never reads. Viewers count what arrives; messages carry the time of
 * their publishing.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { nextOf, startChild } from '../child.ts';
import { bar, type Entry, interleave, machine, print, ratio, readOptions, type Result, resultOf } from '../harness.ts';
import type { ServerOrder, ServerReport, Subject, ViewerOrder, ViewerReport } from './protocol.ts';

const options = readOptions(process.argv.slice(2));
const VIEWERS = options.quick ? 200 : 1_000;
const RATE = 25;
const ROUNDS = options.quick ? 2 : 9;
const STALL_ROUNDS = options.quick ? 5 : 15;
const ROUND_MS = options.quick ? 1_500 : 4_000;
const WARM_UP_MS = options.quick ? 1_000 : 3_000;
const HERE = import.meta.dirname;
/** Pause between two rounds. */
const SETTLE_MS = 300;

interface Round extends ViewerReport {
  readonly perSecond: number;
  /** Server's processor time for one delivered message, µs. */
  readonly cpuUs: number;
}

class Running {
  readonly subject: Subject;
  readonly #server: ChildProcess;
  readonly #viewers: ChildProcess;

  private constructor(subject: Subject, server: ChildProcess, viewers: ChildProcess) {
    this.subject = subject;
    this.#server = server;
    this.#viewers = viewers;
  }

  static async start(subject: Subject): Promise<Running> {
    const [server, viewers] = [startChild(HERE, 'server.ts', subject), startChild(HERE, 'viewers.ts')];
    const { url } = await nextOf<{ url: string }>(server);
    const running = new Running(subject, server, viewers);
    await running.view({ type: 'connect', url, viewers: VIEWERS });
    return running;
  }

  serve(publish: ServerOrder['publish']): Promise<ServerReport> {
    this.#server.send({ publish } satisfies ServerOrder);
    return nextOf(this.#server);
  }

  view(order: ViewerOrder): Promise<ViewerReport> {
    this.#viewers.send(order);
    return nextOf(this.#viewers);
  }

  async round(rate: number | 'saturation', ms = ROUND_MS): Promise<Round> {
    await this.serve({ rate });
    // The first messages fill the connections.
    await delay(SETTLE_MS);
    const began = performance.now();
    await this.view({ type: 'begin' });
    const { cpuMs } = (await delay(ms), await this.serve(null));
    const report = await this.view({ type: 'end' });
    const perSecond = report.messages / ((performance.now() - began) / 1_000);
    await delay(SETTLE_MS);
    return { ...report, perSecond, cpuUs: (cpuMs * 1_000) / (report.messages * ((ms + SETTLE_MS) / ms)) };
  }

  end(): void {
    this.#server.disconnect();
    this.#viewers.disconnect();
  }
}

/** Runs `count` rounds of each subject, in turn; each round gives several figures. */
async function rounds(
  all: readonly { readonly subject: string; readonly run: () => Promise<Round> }[],
  count: number,
  measures: Readonly<Record<string, readonly [string, (round: Round) => number]>>,
): Promise<Result[]> {
  const taken = new Map<string, Round[]>(all.map(({ subject }) => [subject, []]));
  const entries = all.map(({ subject, run }): Entry => ({
    measure: '',
    subject,
    unit: '',
    sample: async () => (taken.get(subject)?.push(await run()), 0),
  }));
  await interleave(entries, count);
  return Object.entries(measures).flatMap(([measure, [unit, of]]) =>
    all.map(({ subject }) => resultOf(measure, subject, unit, (taken.get(subject) ?? []).map(of))),
  );
}

console.log(`connecting ${VIEWERS} viewers to each of two servers ...`);
const servers: Running[] = [];
const results: Result[] = [];
try {
  for (const subject of ['Gantry', 'bare ws'] as const) servers.push(await Running.start(subject));
  const [gantry] = servers;
  if (gantry === undefined) throw new Error('no server was started');
  for (const server of servers) await server.round('saturation', WARM_UP_MS);

  const both = (rate: number | 'saturation') =>
    servers.map((server) => ({ subject: server.subject, run: () => server.round(rate) }));
  console.log(`${RATE} messages a second ...`);
  results.push(
    ...(await rounds(both(RATE), ROUNDS, {
      [`delivered at ${RATE}/s`]: ['messages/s', (round) => round.perSecond],
      [`P50 at ${RATE}/s`]: ['ms', (round) => round.p50],
      [`P99 at ${RATE}/s`]: ['ms', (round) => round.p99],
    })),
  );
  console.log('as fast as the connections take them ...');
  results.push(
    ...(await rounds(both('saturation'), ROUNDS, {
      'delivered at saturation': ['messages/s', (round) => round.perSecond],
      'bytes at saturation': ['MB/s', (round) => (round.perSecond * round.bytes) / round.messages / 1e6],
      "server's processor time for one": ['µs', (round) => round.cpuUs],
    })),
  );
  console.log('with and without a viewer that never reads ...');
  const stalled = async (): Promise<Round> => {
    await gantry.view({ type: 'stall' });
    try {
      return await gantry.round(RATE);
    } finally {
      await gantry.view({ type: 'unstall' });
    }
  };
  results.push(
    ...(await rounds(
      [
        { subject: 'Gantry', run: () => gantry.round(RATE) },
        { subject: 'one stalled', run: stalled },
      ],
      STALL_ROUNDS,
      { 'P50 of the others': ['ms', (round) => round.p50], 'P99 of the others': ['ms', (round) => round.p99] },
    )),
  );
} finally {
  for (const server of servers) server.end();
}
const bars = [
  bar(
    `delivered at ${RATE}/s to ${VIEWERS}, beside bare ws`,
    ratio(results, `delivered at ${RATE}/s`, 'Gantry', 'bare ws'),
    'times',
    '>=',
    0.8,
  ),
  bar(
    `delivered at saturation to ${VIEWERS}, beside bare ws`,
    ratio(results, 'delivered at saturation', 'Gantry', 'bare ws'),
    'times',
    '>=',
    0.8,
  ),
  bar(
    'P99 with a stalled viewer, beside without',
    ratio(results, 'P99 of the others', 'one stalled', 'Gantry'),
    'times',
    '<=',
    1.1,
  ),
];
print({ name: 'bench:feed', machine: machine(), results, bars }, options);
