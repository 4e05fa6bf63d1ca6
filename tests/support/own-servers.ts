import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort, untilAnswers } from '../../src/embedded/tcp.ts';
import { findNatsServer } from '../../src/provision/binaries.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A server as an operator runs one, with a configuration of its own; ended with the test. */
export interface OwnServer {
  readonly port: number;
  readonly folder: string;
  /** Ends it, as a crash does. */
  kill(): Promise<void>;
  /** On the same port and folder, with this configuration. */
  start(config: string): Promise<void>;
}

const READY_MS = 30_000;

/** `config` beside the address and JetStream's folder; `FOLDER` in it stands for that. */
export async function ownNats(t: Pick<TestContext, 'after'>, config: string, host = '127.0.0.1'): Promise<OwnServer> {
  const folder = temporaryFolder();
  const { path } = await findNatsServer();
  return ownServer(
    t,
    folder,
    host,
    async (port, settings) => {
      const file = join(folder, 'nats.conf');
      const js = JSON.stringify(join(folder, 'js'));
      const store = settings.includes('FOLDER') ? '' : `jetstream { store_dir: ${js} }`;
      const listen = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
      await writeFile(file, [`listen: "${listen}"`, store, settings.replace('FOLDER', js), ''].join('\n'));
      return { child: spawn(path, ['-c', file], { stdio: 'ignore' }), greeting: '', ready: 'INFO' };
    },
    config,
  );
}

/** Null, and the test skipped, where no real Redis can be had. `config` beside address and folder. */
export async function ownRedis(
  t: Pick<TestContext, 'after' | 'skip'>,
  config: string,
  tls = '',
): Promise<OwnServer | null> {
  const { binary, ...rest } = await ensureRedisServer({});
  if (binary === null) {
    t.skip(`no real Redis: ${'reason' in rest ? String(rest.reason) : ''}`);
    return null;
  }
  const folder = temporaryFolder();
  const data = join(folder, 'data');
  await mkdir(data);
  return ownServer(
    t,
    folder,
    '127.0.0.1',
    async (port, settings) => {
      const file = join(folder, 'redis.conf');
      const address = tls === '' ? `port ${port}` : `port 0\ntls-port ${port}\n${tls}`;
      await writeFile(file, ['bind 127.0.0.1', address, `dir ${data}`, 'save ""', settings, ''].join('\n'));
      const child = spawn(binary.path, [file], { stdio: 'ignore', env: { ...process.env, ...binary.env } });
      return { child, greeting: tls === '' ? 'PING\r\n' : '', ready: tls === '' ? '' : null };
    },
    config,
  );
}

interface Started {
  readonly child: ChildProcess;
  readonly greeting: string;
  /** What its first answer holds; null: that it can be connected to is enough. */
  readonly ready: string | null;
}

async function ownServer(
  t: Pick<TestContext, 'after'>,
  folder: string,
  host: string,
  launch: (port: number, config: string) => Promise<Started>,
  config: string,
): Promise<OwnServer> {
  const port = await freePort(host);
  let child: ChildProcess | null = null;
  const server: OwnServer = {
    port,
    folder,
    kill: async () => {
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null || running.signalCode !== null) return;
      const ended = once(running, 'exit');
      running.kill('SIGKILL');
      await ended;
    },
    start: async (settings) => {
      await server.kill();
      const started = await launch(port, settings);
      child = started.child;
      const { greeting, ready } = started;
      if (ready === null) await untilOpen(port);
      else
        await untilAnswers(
          { host, port, send: greeting, isReady: (answer) => answer.length > 0 && answer.includes(ready) },
          AbortSignal.timeout(READY_MS),
        );
    },
  };
  t.after(async () => {
    await server.kill();
  });
  await server.start(config);
  return server;
}

/** A TLS server sends nothing to a client that speaks plain text. */
async function untilOpen(port: number): Promise<void> {
  const { connect } = await import('node:net');
  const deadline = performance.now() + READY_MS;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    if (performance.now() > deadline) throw new Error(`nobody listens on ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
