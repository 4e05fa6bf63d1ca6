import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import { createServer } from 'node:net';
import { InfraError } from '../infra/errors.ts';

/**
 * Makes the folder and keeps it for this process: its name among the others, its cameras and its keys are in there. Held
 * by a socket in Linux's abstract namespace, which the kernel frees however its holder ends; elsewhere nothing is held.
 * Resolves to what gives it back. Rejects `CONFIG_INVALID` when another process has it.
 */
export async function holdDataFolder(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (process.platform !== 'linux') return () => Promise.resolve();
  const name = createHash('sha256').update(await realpath(dataDir)).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new InfraError('CONFIG_INVALID', `another Gantry runs on the data folder ${dataDir}: give each process one of its own with --data-dir`, { field: 'data-dir', value: dataDir }, error)));
    server.listen({ path: `\0gantry-data-${name}` }, resolve);
  });
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}
