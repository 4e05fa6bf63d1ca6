import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { TestViewer } from '../support/gantry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** Gantry and other tests share two cores. */
const SLOW_MS = 60_000;
let folder: string;
const started: ChildProcess[] = [];

before(async () => {
  folder = temporaryFolder();
});
after(() => {
  for (const child of started) endGroup(child);
});

/** Of a test that failed half-way. */
function endGroup({ exitCode, signalCode, pid }: ChildProcess): void {
  if (exitCode === null && signalCode === null && pid !== undefined) process.kill(-pid, 'SIGKILL');
}

interface Program {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exited: Promise<number | null>;
}

/** `npm start` as a person runs it, in a process group of its own, like a terminal's job. */
const npmStart = (...args: string[]): Program => npmStartWith({}, ...args);

function npmStartWith(env: Readonly<Record<string, string>>, ...args: string[]): Program {
  let output = '';
  const child = spawn('npm', ['start', '--', '--port', '0', '--data-dir', join(folder, 'data'), ...args], {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NATS_URL: '', REDIS_URL: '', ...env },
  });
  started.push(child);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return { child, output: () => output, exited: new Promise((resolve) => child.once('exit', (code) => resolve(code))) };
}

const urlOf = ({ output }: Program) =>
  until('the line that Gantry is up', () => /"url":"(http:[^"]+)"[^\n]*Gantry is up/.exec(output())?.[1], SLOW_MS);

async function healthOf(url: string): Promise<string> {
  const report = (await (await fetch(new URL('/api/health', url))).json()) as { status: string };
  return report.status;
}

/** Every process below `pid`, itself included, that is alive. */
function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
      if (fields[0] !== 'Z') parents.set(Number(entry), Number(fields[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  const found = [pid];
  for (const each of found) found.push(...[...parents].filter(([, parent]) => parent === each).map(([child]) => child));
  return found.filter((each) => parents.has(each));
}
const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** `npm start` with the demo street on its feed, judged by rules. */
async function demoStreet(t: TestContext): Promise<{ readonly program: Program; readonly url: string }> {
  const program = npmStart();
  t.after(() => endGroup(program.child));
  const url = await urlOf(program);
  await until('health ok', async () => (await healthOf(url)) === 'ok', SLOW_MS);
  const viewer = await TestViewer.open(url, ['demo']);
  t.after(() => viewer.close());
  const aggregate = await viewer.next('demo', ({ detectedObjects }) => detectedObjects.length > 0, SLOW_MS);
  const { results, missingGroups } = aggregate.riskAssessment;
  assert.ok(results.length + missingGroups.length >= aggregate.trafficGroups.length, 'every group is accounted for');
  const judged = await viewer.next('demo', ({ riskAssessment }) => riskAssessment.results.length > 0, SLOW_MS);
  assert.equal(judged.riskAssessment.source, 'rules', 'without keys the rules judge, and say so');
  return { program, url };
}

async function endsByCtrlC(program: Program): Promise<void> {
  // What a viewer sees first may be of the run before; the demo is played when the ingest has asked for it.
  const members = await until('all programs run', () => {
    const all = family(program.child.pid!);
    const names = all.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).join(' | ');
    const needed = ['nats-server', 'redis-server', 'ffmpeg', 'gantry-decoder'];
    return needed.every((name) => names.includes(name)) ? all : null;
  });
  process.kill(-program.child.pid!, 'SIGINT');
  assert.equal(await program.exited, 0, program.output().slice(-2000));
  assert.doesNotMatch(program.output(), /unrecognized flag/i, 'V8 knows the flags that are set');
  await until('no process is left', () => members.every((pid) => !alive(pid)));
  assert.ok(!existsSync(join(folder, 'data', 'gantry.json')));
}

test('npm start: the demo street is on the feed, Ctrl-C ends every process it started', async (t) => {
  const { program } = await demoStreet(t);
  await endsByCtrlC(program);
});

test('npm start again: the end-to-end check passes, and fails, naming the stage, where nothing flows', async (t) => {
  const { program } = await demoStreet(t);
  const whole = await check('demo', '8');
  assert.equal(whole.code, 0, whole.text);
  assert.match(whole.text, /frames [1-9].*groups [1-9].*assessments [1-9].*aggregates [1-9]/);
  assert.match(whole.text, /end to end +\d+ +\d+ +\d+/);
  const silent = await check('nobody', '1');
  assert.equal(silent.code, 1);
  assert.match(silent.text, /camera: silent/);
  await endsByCtrlC(program);
});

/** `npm run check:e2e` on the data folder of these tests. */
function check(cameraId: string, seconds: string): Promise<{ readonly code: number | null; readonly text: string }> {
  const options = ['--camera-id', cameraId, '--duration', seconds, '--data-dir', join(folder, 'data')];
  return new Promise((resolve) => {
    let text = '';
    const child = spawn('npm', ['run', '--silent', 'check:e2e', '--', ...options], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk));
    // 'exit' may come before the last of the output.
    child.once('close', (code) => resolve({ code, text }));
  });
}

test('a bad option ends with its name, the value and what is allowed', async () => {
  const program = npmStart('--port', '99999');
  assert.notEqual(await program.exited, 0);
  // Its end may come before the last of its output.
  await until('the reason', () => /port must be a number from 0 to 65535, not "99999"/.test(program.output()));
});

test('killed outright, it leaves nothing that keeps the next start from working', async () => {
  const compiled = join(folder, 'compiled');
  const program = npmStartWith({ NODE_COMPILE_CACHE: compiled }, '--no-demo');
  await urlOf(program);
  // An orderly end would keep it anyway.
  await until(
    'what was compiled is kept',
    () => existsSync(compiled) && readdirSync(compiled, { recursive: true }).length > 100,
    SLOW_MS,
  );
  const members = family(program.child.pid!);
  const main = members.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('src/main.ts'));
  assert.ok(main);
  process.kill(main, 'SIGKILL');
  await program.exited;
  const next = npmStart('--no-demo');
  const url = await urlOf(next);
  await until('health ok', async () => (await healthOf(url)) === 'ok', SLOW_MS);
  process.kill(-next.child.pid!, 'SIGINT');
  assert.equal(await next.exited, 0);
  await until('nothing of the killed one is left', () => members.every((pid) => !alive(pid)));
});
