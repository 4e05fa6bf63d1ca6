/**
 * `npm run bench -- --cameras 50 --duration 600 --report-file F`: the load of simulated cameras on a whole Gantry, end
 * to end, the provider's time included. Starts a Gantry with a simulated provider, or uses the one that runs on
 * `--data-dir`, whose keys are then really used and paid for.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { connect } from 'nats';
import { readRuntimeFile } from '../../src/app/runtime-file.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams } from '../../src/messages/subjects.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { bar, machine, print, type Result, resultOf } from '../harness.ts';
import { run, type Target } from '../pipeline/run.ts';
import { type Provider, startGantryProcess, startProvider } from '../pipeline/stack.ts';
import { LoadLedger } from './ledger.ts';

const USAGE = `Usage: npm run bench -- [options]

  --cameras N             simulated cameras (default 50)
  --duration SECONDS      default 600
  --groups-per-second G   of each camera (default 0.5)
  --report-file F         writes the figures as JSON
  --data-dir DIR          the running Gantry of this folder; its API keys are really used. Default: a Gantry of its own
  --keys N                of the simulated provider, 5 QPS and 300 RPM each (default: a quarter more than needed)
  --provider-median-ms N  how long the simulated provider takes (default 600, and 1200 at P95)
  --provider-p95-ms N
  --json                  the last line is one JSON object
`;

const KEY_QPS = 5;
const BACKLOG_EVERY_MS = 2_000;
/** The numbers asked of Gantry. */
const WANTED = { p95Ms: 2_000, success: 0.99, given: 0.97 };

const options = readOptions();
const rate = options.cameras * options.perCamera;
const running = options.dataDir === null ? null : await readRuntimeFile(options.dataDir);
if (options.dataDir !== null && running === null) {
  console.error(`no Gantry runs on ${options.dataDir}: start one with npm start, or leave --data-dir out`);
  process.exit(1);
}
if (running !== null) await measure({ ...running, pids: new Map([['Gantry', running.pid]]) }, 'running');
else await withOwn();

async function withOwn(): Promise<void> {
  const keys = options.keys ?? Math.ceil((rate * 1.25) / KEY_QPS);
  const provider: Provider = await startProvider({
    keys,
    qps: KEY_QPS,
    latency: { medianMs: options.medianMs, p95Ms: options.p95Ms },
  });
  try {
    // Room for the calls that the rate and a slow provider keep open.
    const gantry = await startGantryProcess({
      provider,
      concurrent: Math.max(50, Math.ceil((rate * options.p95Ms * 2) / 1_000)),
    });
    try {
      await measure(
        { ...gantry, pids: new Map([...gantry.pids, ['provider', provider.pid]]) },
        `simulated, ${keys} keys of ${KEY_QPS} QPS, median ${options.medianMs} ms, P95 ${options.p95Ms} ms`,
      );
    } finally {
      await gantry.stop();
    }
  } finally {
    provider.stop();
  }
}

async function measure(target: Target, provider: string): Promise<void> {
  console.log(`${options.cameras} cameras, ${rate} groups/s in all, ${options.duration} s, provider: ${provider} ...`);
  const ledger = new LoadLedger(() => performance.now());
  const backlog = await followBacklog(target.natsUrl);
  const end = await run(
    target,
    { cameras: options.cameras, groupsPerSecond: rate, seconds: options.duration, seed: 1_000 },
    ledger,
  );
  const waiting = await backlog();
  const figures = ledger.figures();
  const { latencyMs } = figures;
  const success = figures.calls === 0 ? Number.NaN : figures.callsOk / figures.calls;
  const perSecond = (count: number): number => count / options.duration;
  const result = (measure_: string, unit: string, value: number): Result =>
    resultOf(measure_, `${options.cameras} cameras`, unit, [value]);
  const results = [
    result('end to end, mean', 'ms', latencyMs?.mean ?? Number.NaN),
    ...(['p50', 'p95', 'p99', 'max'] as const).map((share) =>
      result(`end to end, ${share.toUpperCase()}`, 'ms', latencyMs?.[share] ?? Number.NaN),
    ),
    ...(['p50', 'p95', 'max'] as const).map((share) =>
      result(`boxes at the viewer, ${share.toUpperCase()}`, 'ms', figures.firstMs?.[share] ?? Number.NaN),
    ),
    result('frames', '1/s', perSecond(figures.frames)),
    result('groups', '1/s', perSecond(figures.groups)),
    result('assessed', '1/s', perSecond(figures.assessed)),
    result('calls answered well', '', success),
    result('groups answered by rules', '', figures.byRules),
    result('groups that no viewer saw judged', '', figures.unjudged),
    result('alerts', '', figures.alerts),
    result('revisions', '', figures.revisions),
    result('backlog of tasks, at most', '', waiting.most),
    result('backlog of tasks, at the end', '', waiting.last),
    ...[...end.cores].map(([name, cores]) => result(`CPU of ${name}`, 'cores', cores)),
  ];
  const bars = [
    bar('groups assessed / groups published', figures.assessed / figures.groups, '', '>=', WANTED.success),
    bar('load given / meant', perSecond(figures.groups) / rate, '', '>=', WANTED.given),
    bar('end to end, P95', latencyMs?.p95 ?? Number.NaN, 'ms', '<=', WANTED.p95Ms),
    bar('calls answered well', success, '', '>=', WANTED.success),
    bar('frames lost', figures.lost, '', '<=', 0),
    bar('aggregates doubled', figures.doubled, '', '<=', 0),
    bar('publishes failed', end.failed, '', '<=', 0),
  ];
  const report = { name: 'bench', machine: machine(), results, bars };
  print(report, options);
  if (options.reportFile === null) return;
  const load = { cameras: options.cameras, durationSeconds: options.duration, groupsPerSecond: rate, provider };
  const all = {
    ...report,
    at: new Date().toISOString(),
    load,
    figures: {
      ...figures,
      callSuccessRate: success,
      framesPerSecond: perSecond(figures.frames),
      backlog: waiting,
    },
  };
  await writeFile(options.reportFile, `${JSON.stringify(all, null, 2)}\n`);
  console.log(`\nwritten to ${options.reportFile}`);
}

/**
 * Samples the pending tasks of the streams every two seconds. Returns a function that ends it and gives the figures.
 */
async function followBacklog(
  natsUrl: string,
): Promise<() => Promise<{ readonly most: number; readonly last: number }>> {
  const nc = await connect({ ...natsOptions(natsUrl), name: 'gantry-bench' });
  const jsm = await nc.jetstreamManager();
  const look = async (): Promise<number> => {
    const infos = await Promise.all([
      jsm.consumers.info(streams.questions, consumers.questions),
      ...PRIORITIES_URGENT_FIRST.map((priority) => jsm.consumers.info(streams.tasks, consumers.scheduler(priority))),
    ]);
    return infos.reduce((sum, info) => sum + info.num_pending, 0);
  };
  let most = 0;
  const timer = setInterval(() => {
    look().then(
      (waiting) => void (most = Math.max(most, waiting)),
      (thrown: unknown) => console.error(`the backlog cannot be read now: ${String(thrown)}`),
    );
  }, BACKLOG_EVERY_MS);
  return async () => {
    clearInterval(timer);
    const last = await look();
    await nc.close();
    return { most: Math.max(most, last), last };
  };
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        cameras: { type: 'string', default: '50' },
        duration: { type: 'string', default: '600' },
        'groups-per-second': { type: 'string', default: '0.5' },
        'report-file': { type: 'string' },
        'data-dir': { type: 'string' },
        keys: { type: 'string' },
        'provider-median-ms': { type: 'string', default: '600' },
        'provider-p95-ms': { type: 'string', default: '1200' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return {
      cameras: number('cameras', values.cameras, 1, 1_000, true),
      duration: number('duration', values.duration, 1, 86_400),
      perCamera: number('groups-per-second', values['groups-per-second'], 0.01, 100),
      reportFile: values['report-file'] ?? null,
      dataDir: values['data-dir'] ?? null,
      keys: values.keys === undefined ? null : number('keys', values.keys, 1, 1_000, true),
      medianMs: number('provider-median-ms', values['provider-median-ms'], 0, 30_000),
      p95Ms: number('provider-p95-ms', values['provider-p95-ms'], 0, 30_000),
      json: values.json,
      quick: false,
    };
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function number(name: string, text: string, min: number, max: number, whole = false): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    throw new Error(`--${name}: must be ${whole ? 'a whole number' : 'a number'} from ${min} to ${max}, not "${text}"`);
  return value;
}
