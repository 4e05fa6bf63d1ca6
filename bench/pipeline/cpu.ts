/** CPU time of processes and of the whole machine, from Linux's /proc; empty on other systems. */
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { readStat, type Stat } from '../proc-stat.ts';

export const OTHERS = 'others';

function statOf(pid: number | string): Stat | null {
  try {
    return readStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return null;
  }
}

/** Process ids of a process's children, by program name. */
export function childrenOf(pid: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  let entries: string[] = [];
  try {
    entries = readdirSync('/proc');
  } catch {
    return found;
  }
  for (const entry of entries) {
    const stat = /^\d+$/.test(entry) ? statOf(entry) : null;
    if (stat?.parent === pid) found.set(stat.name, Number(entry));
  }
  return found;
}

/** Measures the CPU time used since it was made. */
export class CpuMeter {
  readonly #pids: ReadonlyMap<string, number>;
  readonly #began = performance.now();
  readonly #before: ReadonlyMap<string, number>;
  readonly #busyBefore = busySeconds();

  constructor(pids: ReadonlyMap<string, number>) {
    this.#pids = pids;
    this.#before = this.#read();
  }

  /** Cores used since then, by name; `OTHERS` is everything else on the machine. */
  cores(): ReadonlyMap<string, number> {
    const seconds = (performance.now() - this.#began) / 1_000;
    const after = this.#read();
    const used = new Map(
      [...after].map(([name, total]) => [name, (total - (this.#before.get(name) ?? total)) / seconds] as const),
    );
    const own = [...used.values()].reduce((sum, each) => sum + each, 0);
    return new Map([...used, [OTHERS, Math.max(0, (busySeconds() - this.#busyBefore) / seconds - own)] as const]);
  }

  #read(): ReadonlyMap<string, number> {
    return new Map(
      [...this.#pids].flatMap(([name, pid]) => {
        const stat = statOf(pid);
        return stat === null ? [] : [[name, stat.seconds] as const];
      }),
    );
  }
}

/** CPU time of the whole machine since its start. */
export const busySeconds = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1_000;
