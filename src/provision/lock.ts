import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ProvisionError } from './provision-error.ts';

const POLL_MS = 250;

export interface LockOptions {
  /** Gives up after this many ms. Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Called once when another process holds the lock. */
  readonly onWait?: () => void;
}

/**
 * Runs `work` while no other process of this machine runs work under the same name and folder.
 *
 * The lock is a listening socket in Linux's abstract namespace: it needs no file, and the kernel frees it even if its
 * holder is killed, so no lock is ever stale. On a system without such sockets the work runs unlocked, so it must end
 * with an atomic rename.
 * @throws {ProvisionError} `LOCK_TIMEOUT`
 */
export async function withLock<T>(
  folder: string,
  name: string,
  work: () => Promise<T>,
  options: LockOptions = {},
): Promise<T> {
  const digest = createHash('sha256')
    .update(`${resolve(folder)}\n${name}`)
    .digest('hex')
    .slice(0, 32);
  const timeoutMs = options.timeoutMs ?? 600_000;
  const deadline = performance.now() + timeoutMs;
  let waited = false;
  for (;;) {
    const attempt = await tryListen(`\0gantry-${digest}`);
    if (attempt !== 'taken') {
      try {
        return await work();
      } finally {
        if (attempt !== 'unsupported') attempt.close();
      }
    }
    if (!waited) options.onWait?.();
    waited = true;
    if (performance.now() > deadline) {
      throw new ProvisionError(
        'LOCK_TIMEOUT',
        `another process has been preparing "${name}" in ${folder} for more than ${Math.round(timeoutMs / 1000)} s; ` +
          'wait for it or end it, then start again',
        { folder, name },
      );
    }
    await delay(POLL_MS);
  }
}

function tryListen(path: string): Promise<Server | 'taken' | 'unsupported'> {
  return new Promise((resolveServer) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) =>
      resolveServer(error.code === 'EADDRINUSE' ? 'taken' : 'unsupported'),
    );
    server.listen({ path }, () => resolveServer(server));
  });
}
