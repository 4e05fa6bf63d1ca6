import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT } from '../provision/folders.ts';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs `bin/SCRIPT` with these arguments and this process's streams; signals are passed on. Resolves to its exit code.
 * `bin/gantry.mjs` runs these scripts itself, without this process between.
 */
export async function launch(script: string, args: readonly string[]): Promise<number> {
  // It is Gantry itself, which reads its settings and secrets from the environment.
  const child = spawn(process.execPath, [join(PROJECT_ROOT, 'bin', script), ...args], {
    stdio: 'inherit',
    env: process.env,
  });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of FORWARDED) process.on(signal, forward);
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const signal of FORWARDED) process.off(signal, forward);
  }
}
