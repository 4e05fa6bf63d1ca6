import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readWhole, writeWhole } from '../storage/files.ts';
import { EmbeddedError } from './service.ts';

/** Identifies a process: a pid alone may belong to another one later. */
interface Identity {
  readonly pid: number;
  /** Clock ticks from boot to its start (/proc/PID/stat, field 22). */
  readonly startTime: string;
}

interface PidFile {
  readonly owner: Identity;
  readonly child: Identity;
  /** Program and arguments, as started. */
  readonly command: readonly string[];
}

/** Largest pid file. */
const MOST_BYTES = 65_536;

/** What {@link endLeftover} found and ended. `forced`: by SIGKILL. */
export type Leftover = 'none' | { readonly pid: number; readonly forced: boolean };

/**
 * Records a child in `file`, so that the next start recognises it if this process is killed first. Does nothing on a
 * system without /proc.
 */
export async function writePidFile(file: string, childPid: number, command: readonly string[]): Promise<void> {
  const [owner, child] = await Promise.all([identify(process.pid), identify(childPid)]);
  if (owner === null || child === null) return;
  const content: PidFile = { owner, child, command };
  await writeWhole(file, `${JSON.stringify(content)}\n`);
}

export const removePidFile = (file: string): Promise<void> => rm(file, { force: true });

/**
 * Ends the child that a killed Gantry left behind, if pid, start time and program agree with the file. SIGTERM first,
 * SIGKILL after `deadlineMs`.
 * @throws {EmbeddedError} `FOLDER_IN_USE` when the Gantry that wrote the file still runs
 */
export async function endLeftover(file: string, deadlineMs = 3000): Promise<Leftover> {
  const note = parsePidFile((await readWhole(file, MOST_BYTES).catch(() => null)) ?? '');
  if (note === null) return 'none';
  const isChildAlive = (): Promise<boolean> => isSame(note.child, note.command);
  if (!(await isChildAlive())) {
    await removePidFile(file);
    return 'none';
  }
  if (await isSame(note.owner, null)) {
    throw new EmbeddedError(
      'FOLDER_IN_USE',
      `another Gantry (process ${note.owner.pid}) is running with the same data folder ${dirname(file)}; ` +
        'end it, or choose another data folder',
      {
        owner: note.owner.pid,
        child: note.child.pid,
        file,
      },
    );
  }
  let forced = false;
  signal(note.child.pid, 'SIGTERM');
  const deadline = performance.now() + deadlineMs;
  while (await isChildAlive()) {
    if (performance.now() > deadline && !forced) {
      forced = true;
      signal(note.child.pid, 'SIGKILL');
    }
    // Only a process stuck in the kernel survives SIGKILL. The new server then fails to bind, and says so.
    if (performance.now() > deadline + 1000) break;
    await delay(25);
  }
  await removePidFile(file);
  return { pid: note.child.pid, forced };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // ESRCH: it has exited already.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function isSame(known: Identity, command: readonly string[] | null): Promise<boolean> {
  const found = await identify(known.pid);
  if (found === null || found.startTime !== known.startTime) return false;
  if (command === null) return true;
  const actual = await readFile(`/proc/${known.pid}/cmdline`, 'utf8').catch(() => '');
  // Only the program's name is compared: Redis rewrites its command line (`redis-server 127.0.0.1:6379`).
  const program = command[0]?.split('/').pop() ?? '';
  return program !== '' && (actual.split('\0')[0] ?? '').includes(program);
}

async function identify(pid: number): Promise<Identity | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return parseStat(pid, stat);
}

/** Start time of a living process in the text of /proc/PID/stat; null for none and for a zombie. */
export function parseStat(pid: number, stat: string): Identity | null {
  // The name in parentheses may hold spaces and parentheses; fields are counted after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const startTime = fields[19];
  if (state === undefined || state === 'Z' || startTime === undefined || stat === '') return null;
  return { pid, startTime };
}

function parsePidFile(text: string): PidFile | null {
  if (text === '') return null;
  try {
    const value: unknown = JSON.parse(text);
    return isPidFile(value) ? value : null;
  } catch {
    return null; // cut short by a crash
  }
}

function isPidFile(value: unknown): value is PidFile {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'owner' in value &&
    isIdentity(value.owner) &&
    'child' in value &&
    isIdentity(value.child) &&
    'command' in value &&
    Array.isArray(value.command) &&
    value.command.every((part) => typeof part === 'string')
  );
}

const isIdentity = (value: unknown): value is Identity =>
  typeof value === 'object' &&
  value !== null &&
  'pid' in value &&
  typeof value.pid === 'number' &&
  'startTime' in value &&
  typeof value.startTime === 'string';
