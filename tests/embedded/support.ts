import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceLog, ServiceState } from '../../src/embedded/service.ts';

/** A log that keeps its lines. */
export function memoryLog(): ServiceLog & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    info: (_fields, message) => void lines.push(`info ${message}`),
    warn: (_fields, message) => void lines.push(`warn ${message}`),
    error: (_fields, message) => void lines.push(`error ${message}`),
  };
}

/** A folder of its own, removed when the test ends. */
export async function temporaryFolder(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-embedded-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits until `condition` holds; fails with `what` after `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await delay(20);
  }
}

/** Whether a process of that id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** States in the order they were announced. */
export function stateRecorder(): { readonly seen: ServiceState[]; readonly onState: (state: ServiceState) => void } {
  const seen: ServiceState[] = [];
  return { seen, onState: (state) => void seen.push(state) };
}
