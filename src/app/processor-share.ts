import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';

/** Processor time since some moment, in any unit: that used, and that there was. */
export interface ProcessorTime {
  readonly used: number;
  readonly all: number;
}

const CGROUP = '/sys/fs/cgroup';

/**
 * Processor time of this container, when it has a quota (cgroup v2: `cpu.max` and `cpu.stat`), else of the machine.
 *
 * @param now of a monotonic clock, in ms
 */
export async function processorTime(now: number, cgroup = CGROUP): Promise<ProcessorTime> {
  return (await containerTime(now, cgroup)) ?? machineTime();
}

/** Share of the processors that was used between two readings, 0 to 1. */
export function busyShare(before: ProcessorTime, after: ProcessorTime): number {
  const all = after.all - before.all;
  return all <= 0 ? 0 : Math.min(1, Math.max(0, (after.used - before.used) / all));
}

/** In µs; null without a quota. */
async function containerTime(now: number, cgroup: string): Promise<ProcessorTime | null> {
  try {
    const [max, stat] = await Promise.all(['cpu.max', 'cpu.stat'].map((file) => readFile(`${cgroup}/${file}`, 'utf8')));
    const [, quota, period] = /^(\d+) (\d+)/u.exec(max ?? '') ?? [];
    const [, used] = /^usage_usec (\d+)/mu.exec(stat ?? '') ?? [];
    if (quota === undefined || period === undefined || used === undefined) return null;
    return { used: Number(used), all: now * 1_000 * (Number(quota) / Number(period)) };
  } catch {
    // No cgroup v2.
    return null;
  }
}

/** In ms. */
function machineTime(): ProcessorTime {
  let [used, all] = [0, 0];
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    used += busy;
    all += busy + times.idle;
  }
  return { used, all };
}
