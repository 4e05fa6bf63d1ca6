/** Measures a world for some time, and says how it goes meanwhile. */
import { setTimeout as delay } from 'node:timers/promises';
import { nextOf } from '../child.ts';
import { busySeconds } from '../pipeline/cpu.ts';
import { readCounters, troubleBetween } from './api.ts';
import type { Span } from './ledger.ts';
import { cameraName } from './loop.ts';
import type { BurstOrder, BurstReport, ProviderFigures, ServerFigures } from './orders.ts';
import { type CpuReading, coresBetween, readCpu, residentByProgram, residentMb, type Sample } from './processes.ts';
import type { World } from './world.ts';

const MEMORY_EVERY_MS = 2_000;
const MINUTE_MS = 60_000;
/** After the last picture: its verdicts reach the viewer. */
export const DRAIN_MS = 3_000;
const BURST_EVERY_MS = 10_000;
const BURST = { cameras: 10, seconds: 5, fps: 5 };

export interface Measured {
  readonly span: Span;
  readonly cores: ReadonlyMap<string, number>;
  readonly serverCores: number;
  /** With everything else that runs on it. */
  readonly machineCores: number;
  readonly memory: readonly Sample[];
  readonly memoryBy: ReadonlyMap<string, number>;
  readonly server: ServerFigures;
  readonly provider: ProviderFigures;
  readonly trouble: readonly (readonly [name: string, count: number])[];
  readonly bursts: readonly BurstReport[];
}

export interface Plan {
  readonly seconds: number;
  readonly cameras: readonly number[];
  readonly intervalMs: number;
  readonly burst: boolean;
}

/** Cameras that burst: the first ten. */
export const isBursting = (camera: number): boolean => camera < BURST.cameras;

export async function measure(world: World, plan: Plan): Promise<Measured> {
  const pid = world.gantry.process.pid ?? 0;
  const counters = await readCounters(world.gantry.httpUrl);
  const serverBefore = await world.server();
  const from = world.now();
  const before = readCpu(pid);
  const busyBefore = busySeconds();
  const memory: Sample[] = [];
  const watching = setInterval(() => memory.push({ at: world.now(), value: residentMb(pid) }), MEMORY_EVERY_MS);
  const bursts: BurstReport[] = [];
  const noteBurst = (): Promise<unknown> =>
    burst(world).then(
      (each) => bursts.push(each),
      (thrown: unknown) => bursts.push({ sent: 0, missed: {}, refused: [String(thrown)] }),
    );
  const bursting = plan.burst ? setInterval(() => void noteBurst(), BURST_EVERY_MS) : null;
  try {
    const end = from + plan.seconds * 1_000;
    let minute: Minute = { from, cpu: before };
    while (world.now() < end) {
      await delay(Math.max(0, Math.min(MINUTE_MS, end - world.now())));
      if (end - from > MINUTE_MS) minute = sayMinute(world, plan, minute, memory);
    }
  } finally {
    clearInterval(watching);
    if (bursting !== null) clearInterval(bursting);
  }
  const to = world.now();
  const seconds = (to - from) / 1_000;
  const cores = coresBetween(before, readCpu(pid), seconds);
  const machineCores = (busySeconds() - busyBefore) / seconds;
  const server = await world.server();
  const memoryBy = residentByProgram(pid);
  await delay(DRAIN_MS);
  return {
    span: { from, to },
    cores,
    serverCores: (server.cpuSeconds - serverBefore.cpuSeconds) / seconds,
    machineCores,
    memory,
    memoryBy,
    server: { ...server, skipped: server.skipped - serverBefore.skipped },
    provider: await world.provider(),
    trouble: troubleBetween(counters, await readCounters(world.gantry.httpUrl)),
    bursts,
  };
}

interface Minute {
  readonly from: number;
  readonly cpu: CpuReading;
}

/** Prints the last minute, without its last frames, whose verdicts are still to come. Returns the next one. */
function sayMinute(
  { ledger, gantry, now }: World,
  plan: Plan,
  { from, cpu }: Minute,
  memory: readonly Sample[],
): Minute {
  const to = now();
  const after = readCpu(gantry.process.pid ?? 0);
  const span = { from: from - DRAIN_MS, to: to - DRAIN_MS };
  const figures = ledger.figures(span, plan.cameras, plan.intervalMs);
  const cores = [...coresBetween(cpu, after, (to - from) / 1_000).values()].reduce((sum, each) => sum + each, 0);
  console.log(
    `${new Date(to).toISOString().slice(11, 19)} analysed ${figures.mean.toFixed(3)} of the wanted rate, ` +
      `worst camera ${figures.worst.toFixed(2)}; first ${ms(figures.first)}, verdict ${ms(figures.verdict)}; ` +
      `${cores.toFixed(2)} cores, ${(memory.at(-1)?.value ?? Number.NaN).toFixed(0)} MB`,
  );
  return { from: to, cpu: after };
}

const ms = (found: { readonly p50: number; readonly p95: number } | null): string =>
  found === null ? '-' : `${found.p50.toFixed(0)} / ${found.p95.toFixed(0)} ms`;

function burst({ gantry }: World): Promise<BurstReport> {
  const order: BurstOrder = {
    cameraIds: Array.from({ length: BURST.cameras }, (_, camera) => cameraName(camera)),
    seconds: BURST.seconds,
    fps: BURST.fps,
  };
  const report = nextOf<BurstReport>(gantry.process);
  gantry.process.send(order);
  return report;
}
