import { connect, type NatsConnection } from 'nats';
import type { z } from 'zod';
import { readRuntimeFile, type RuntimeFile } from '../app/runtime-file.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { AssessmentResult } from '../messages/assessment.ts';
import { Detection } from '../messages/detection.ts';
import { CameraId } from '../messages/ids.ts';
import { readBody } from '../messages/read-body.ts';
import { redisKeys, subjects } from '../messages/subjects.ts';
import { AssessmentTask } from '../messages/task.ts';
import { sleep, systemClock } from '../runtime/clock.ts';
import { secretFromEnv } from '../keys/env-secret.ts';
import { natsOptions } from '../servers/nats-url.ts';
import { connectRedis } from '../servers/redis-url.ts';
import { CommandError, numberIn, UsageError } from './command-errors.ts';
import { dataFolderOf } from './chosen-data-folder.ts';
import type { Output } from './output.ts';
import { CheckLedger, type CheckReport, STAGES } from './check/check-ledger.ts';

const TICK_MS = 250;

interface Arguments {
  readonly 'camera-id': string | undefined;
  readonly duration: string | undefined;
  readonly 'data-dir': string | undefined;
}

interface Options {
  readonly cameraId: CameraId;
  readonly seconds: number;
  readonly dataDir: string;
  readonly token: string | null;
}

/** `gantry check-e2e`. Exit code 0: every stage answered; 1: one is silent or wrong. */
export async function run(args: Arguments, output: Output): Promise<number> {
  const { cameraId, seconds, dataDir, token } = readOptions(args);
  const running = await readRuntimeFile(dataDir);
  if (running === null) throw new CommandError('NOT_RUNNING', `no Gantry runs on ${dataDir}: start one with npm start`);
  output.say(`watching camera ${cameraId} of ${running.httpUrl} for ${seconds} s ...`);
  const ledger = new CheckLedger();
  const wait = (): Promise<void> => waitShown(seconds * 1000, `camera ${cameraId}`, output);
  const problems = await watch(running, token, cameraId, wait, ledger);
  const report = ledger.report();
  const all = [...problems, ...report.problems];
  output.result({ ...report, problems: all }, describe(report, all));
  return all.length === 0 ? 0 : 1;
}

function readOptions(args: Arguments): Options {
  const id = args['camera-id'];
  if (id === undefined) throw new UsageError('--camera-id: is missing');
  const cameraId = CameraId.safeParse(id);
  if (!cameraId.success) throw new UsageError(`--camera-id: "${id}" is no camera id`);
  const token = secretFromEnv(process.env, 'GANTRY_TOKEN');
  if ('problem' in token) throw new UsageError(token.problem);
  return {
    cameraId: cameraId.data,
    seconds: numberIn('--duration', args.duration ?? '60', 1, 86_400, 'seconds'),
    dataDir: dataFolderOf(args['data-dir']),
    token: token.secret,
  };
}

async function waitShown(ms: number, title: string, output: Output): Promise<void> {
  const progress = await output.progress(title);
  const until = systemClock.now() + ms;
  try {
    for (let left = ms; left > 0; left = until - systemClock.now()) {
      progress.at(1 - left / ms, `${title}, ${Math.ceil(left / 1000)} s left`);
      await sleep(systemClock, Math.min(left, TICK_MS));
    }
  } finally {
    progress.end();
  }
}

/** Listens on NATS and the WebSocket, then reads Redis. Returns the problems found, without those of the ledger. */
async function watch(
  running: RuntimeFile,
  token: string | null,
  cameraId: CameraId,
  wait: () => Promise<void>,
  ledger: CheckLedger,
): Promise<string[]> {
  const nc = await connect({ ...natsOptions(running.natsUrl), name: 'gantry-check', timeout: 3_000 });
  try {
    return [
      ...(await follow(nc, running.httpUrl, token, cameraId, wait, ledger)),
      ...(await checkRedis(running.redisUrl, cameraId)),
    ];
  } finally {
    await nc.close();
  }
}

async function follow(
  nc: NatsConnection,
  httpUrl: string,
  token: string | null,
  cameraId: CameraId,
  wait: () => Promise<void>,
  ledger: CheckLedger,
): Promise<string[]> {
  const problems: string[] = [];
  const listen = <T>(subject: string, parser: z.ZodType<T>, note: (body: T, at: number) => void): void => {
    nc.subscribe(subject, {
      callback: (error, message) => {
        const at = Date.now();
        if (error !== null) return;
        try {
          note(readBody(message.data, parser), at);
        } catch (thrown) {
          problems.push(`${message.subject}: a body that does not parse: ${String(thrown).slice(0, 200)}`);
        }
      },
    });
  };
  listen(subjects.detection(cameraId), Detection, (body, at) => ledger.detection(body, at));
  listen(`assessment-tasks.*.${cameraId}.*`, AssessmentTask, (body, at) => ledger.task(body, at));
  listen(`assessment-tasks.*.${cameraId}`, AssessmentTask, (body, at) => ledger.task(body, at));
  listen(subjects.result(cameraId), AssessmentResult, (body, at) => ledger.result(body, at));
  listen(subjects.aggregate(cameraId), Aggregate, (body, at) => ledger.aggregate(body, at));
  await nc.flush();
  const closeFeed = await followFeed(httpUrl, token, cameraId, ledger, problems);
  await wait();
  closeFeed();
  return problems;
}

async function followFeed(
  httpUrl: string,
  token: string | null,
  cameraId: CameraId,
  ledger: CheckLedger,
  problems: string[],
): Promise<() => void> {
  const url = new URL('/ws', httpUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(url, token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
  let closing = false;
  socket.addEventListener('message', ({ data }) => {
    const at = Date.now();
    const { type, data: body }: { type: string; data: unknown } = JSON.parse(String(data));
    if (type === 'error') problems.push(`live feed: ${JSON.stringify(body)}`);
    if (type === 'detection_result') ledger.pushed(Aggregate.parse(body), at);
  });
  socket.addEventListener('close', ({ code }) => {
    if (!closing) problems.push(`live feed: the connection was closed with code ${code}`);
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve());
    socket.addEventListener('error', () =>
      reject(new CommandError('NOT_REACHABLE', `the WebSocket of ${httpUrl} cannot be opened (GANTRY_TOKEN?)`)),
    );
  });
  socket.send(JSON.stringify({ type: 'subscribe', data: { cameraIds: [cameraId] } }));
  return () => {
    closing = true;
    socket.close();
  };
}

async function checkRedis(url: string | null, cameraId: CameraId): Promise<string[]> {
  if (url === null) return [];
  const redis = connectRedis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    const seconds = await redis.ttl(redisKeys.latest(cameraId));
    return seconds > 0 && seconds <= 300
      ? []
      : [`Redis: ${redisKeys.latest(cameraId)} has a TTL of ${seconds} s, not 1 to 300`];
  } catch (thrown) {
    return [`Redis cannot be asked: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
  } finally {
    redis.disconnect();
  }
}

function describe(report: CheckReport, problems: readonly string[]): string {
  const { frames, groups, still, tasks, assessments, aggregates, pushed } = report.counts;
  const sources = Object.entries(report.sources)
    .map(([source, count]) => `${count} ${source}`)
    .join(', ');
  const cell = (value: number): string => value.toFixed(0).padStart(8);
  const rows = STAGES.map((stage) => {
    const found = report.stages[stage];
    return found === null
      ? `  ${stage.padEnd(14)}   nothing seen`
      : `  ${stage.padEnd(14)}${[found.p50, found.p95, found.p99, found.max, found.count].map(cell).join('')}`;
  });
  return [
    `frames ${frames} · groups ${groups} (${still} unchanged) · tasks ${tasks} · assessments ${assessments}` +
      (sources === '' ? '' : ` (${sources}; ${report.unknown} unknown)`) +
      ` · aggregates ${aggregates} · pushed ${pushed}`,
    '',
    `  ms            ${['P50', 'P95', 'P99', 'max', 'n'].map((head) => head.padStart(8)).join('')}`,
    ...rows,
    '',
    ...(problems.length === 0 ? ['whole: every stage answered'] : problems.map((problem) => `FAILED ${problem}`)),
  ].join('\n');
}
