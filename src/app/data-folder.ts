import { createHash } from 'node:crypto';
import { realpath, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { InfraError } from '../infra/infra-error.ts';
import { makeFolder, removeLeftovers, writeWhole } from '../storage/files.ts';

/** Subfolders with Gantry's own files. */
const PARTS = ['.', 'usage', 'nats', 'redis'];

/**
 * Makes the data folder, locks it for this process, removes leftovers of interrupted writes, and checks that it can be
 * written. It holds this node's name, cameras and keys, so two processes must not share it. The lock is a socket in
 * Linux's abstract namespace, which the kernel frees even if its holder is killed; other systems have no lock. Resolves
 * to a function that unlocks it. Rejects `CONFIG_INVALID` when another process holds it, `DISK_FULL` or `NOT_WRITABLE`.
 */
export async function holdDataFolder(dataDir: string): Promise<() => Promise<void>> {
  await makeFolder(dataDir);
  const release = process.platform === 'linux' ? await hold(dataDir) : (): Promise<void> => Promise.resolve();
  try {
    await Promise.all(PARTS.map((part) => removeLeftovers(join(dataDir, part))));
    await tryWriting(dataDir);
  } catch (thrown) {
    await release();
    throw thrown;
  }
  return release;
}

async function hold(dataDir: string): Promise<() => Promise<void>> {
  const name = createHash('sha256')
    .update(await realpath(dataDir))
    .digest('hex')
    .slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new InfraError(
          'CONFIG_INVALID',
          `another Gantry runs on the data folder ${dataDir}: give each process one of its own with --data-dir`,
          { field: 'data-dir', value: dataDir },
          error,
        ),
      ),
    );
    server.listen({ path: `\0gantry-data-${name}` }, resolve);
  });
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** Fails early, with one message that names the folder. Writes a block, since an empty file always fits. */
async function tryWriting(dataDir: string): Promise<void> {
  const file = join(dataDir, '.can-be-written');
  await writeWhole(file, new Uint8Array(4_096));
  await rm(file, { force: true });
}
