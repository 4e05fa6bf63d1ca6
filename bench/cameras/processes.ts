/** CPU time by thread and memory of a process and all its descendants, from Linux's /proc; nothing on other systems. */
import { readdirSync, readFileSync } from 'node:fs';
import { readStat } from '../proc-stat.ts';

/** Bytes of a page in /proc; the same on every Linux that Node supports. */
const PAGE = 4_096;
const MB = 2 ** 20;

/** The text of a file of /proc; null when the process or thread has ended. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function list(path: string): readonly number[] {
  try {
    return readdirSync(path).map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}

/** A process and all its descendants, by id, with their names. */
export function treeOf(root: number): ReadonlyMap<number, string> {
  const all = list('/proc').flatMap((pid) => {
    const text = read(`/proc/${pid}/stat`);
    return text === null ? [] : [{ pid, ...readStat(text) }];
  });
  const children = Map.groupBy(all, ({ parent }) => parent);
  const names = new Map(all.map(({ pid, name }) => [pid, name]));
  const tree = new Map<number, string>();
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    const name = names.get(pid);
    if (name === undefined || tree.has(pid)) continue;
    tree.set(pid, name);
    open.push(...(children.get(pid) ?? []).map((child) => child.pid));
  }
  return tree;
}

/** Numbers at the end of a thread's name tell threads of one kind apart; a name has at most 15 characters. */
const KINDS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/^(MainThread|node)$/u, 'main'],
  [/^\/?(cameras\b|bench-)/u, 'cameras'],
  [/^(V8Worker|DelayedTask)/u, 'V8 workers'],
  [/^(vips|pool-|GThreadPool)/u, 'libvips'],
  [/^libuv/u, 'libuv'],
];

/** The kind of a thread, for a table: `cameras` for all cameras' threads together. */
export function kindOf(thread: string): string {
  const found = KINDS.find(([pattern]) => pattern.test(thread));
  return found?.[1] ?? thread.replace(/[\d#:-]+$/u, '');
}

/** Seconds of CPU by thread, each as `process kind of thread`. */
export type CpuReading = ReadonlyMap<string, { readonly name: string; readonly seconds: number }>;

export function readCpu(root: number): CpuReading {
  const reading = new Map<string, { name: string; seconds: number }>();
  for (const [pid, name] of treeOf(root)) {
    const program = pid === root ? 'Gantry' : programOf(pid, name);
    for (const thread of list(`/proc/${pid}/task`)) {
      const text = read(`/proc/${pid}/task/${thread}/stat`);
      if (text === null) continue;
      const stat = readStat(text);
      const kind = pid === root ? ` ${kindOf(stat.name)}` : '';
      reading.set(`${pid}/${thread}`, { name: `${program}${kind}`, seconds: stat.seconds });
    }
  }
  return reading;
}

/** Node's own processes by the folder and name of their script. */
function programOf(pid: number, name: string): string {
  if (!/^(node|MainThread)/u.test(name)) return name;
  const script = (read(`/proc/${pid}/cmdline`) ?? '').split('\0').find((part) => /\.[cm]?[jt]s$/u.test(part));
  return script === undefined ? name : script.split('/').slice(-2).join('/');
}

/** Cores used between two readings, by name; threads that ended in between count up to nothing. */
export function coresBetween(before: CpuReading, after: CpuReading, seconds: number): ReadonlyMap<string, number> {
  const cores = new Map<string, number>();
  for (const [key, { name, seconds: total }] of after) {
    const used = Math.max(0, total - (before.get(key)?.seconds ?? 0)) / seconds;
    cores.set(name, (cores.get(name) ?? 0) + used);
  }
  return cores;
}

/** Resident memory of the tree in MB; pages that processes share count for each of them. */
export function residentMb(root: number): number {
  let pages = 0;
  for (const pid of treeOf(root).keys()) pages += Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0);
  return (pages * PAGE) / MB;
}

/** Resident memory in MB by program. */
export function residentByProgram(root: number): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [pid, name] of treeOf(root)) {
    const program = pid === root ? 'Gantry' : programOf(pid, name);
    const mb = (Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0) * PAGE) / MB;
    found.set(program, (found.get(program) ?? 0) + mb);
  }
  return found;
}

export interface Sample {
  readonly at: number;
  readonly value: number;
}

/** Least-squares slope in units a minute, of samples with times in ms; 0 of fewer than two. */
export function slopePerMinute(samples: readonly Sample[]): number {
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / samples.length;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
  const spread = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  const joint = samples.reduce((sum, { at, value }) => sum + (at - meanAt) * (value - mean), 0);
  return samples.length < 2 || spread === 0 ? 0 : (joint / spread) * 60_000;
}
