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
