import type { Socket } from 'node:net';
import { createRedisCommandExecutor, RedisServerState, Resp2Server } from 'js-redis-server/core';
import { makeCredentials } from './credentials.ts';
import type { EmbeddedService, OnServiceState, ServiceLog, ServiceState } from './service.ts';
import { listen } from './tcp.ts';

export interface RedisStandInOptions {
  /** 0: any free port. */
  readonly port: number;
  /** Why there is no real Redis. */
  readonly reason: string;
  readonly log: ServiceLog;
  readonly onState?: OnServiceState;
}

const HOST = '127.0.0.1';

/**
 * A reimplementation of Redis inside this process (npm package `js-redis-server`), for machines without a real one. It
 * speaks the protocol, but keeps nothing on disk, has no `maxmemory` (keys without an expiry stay until Gantry ends),
 * and shares this process's thread. It is assembled from the package's core, because the package's ready-made server
 * listens on every interface.
 */
export async function startRedisStandIn(options: RedisStandInOptions): Promise<EmbeddedService> {
  // It has the default user only.
  const { user, password } = makeCredentials('default');
  const keyspace = new RedisServerState({ databaseCount: 16, requirepass: password });
  const resp = new Resp2Server({
    server: keyspace,
    executor: createRedisCommandExecutor(),
    logger: {
      error: (error: unknown) =>
        options.log.error({ service: 'redis', err: error }, 'the Redis stand-in reported an error'),
    },
  });
  const sockets = new Set<Socket>();
  resp.server.on('connection', (socket: Socket) => {
    // It writes each reply of a transaction by itself; with Nagle's algorithm each would wait 40 ms for the client's
    // ACK.
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const port = await listen(resp.server, HOST, options.port, 'the Redis stand-in');
  let state: ServiceState = 'running';
  options.onState?.('running');
  let stopping: Promise<void> | null = null;

  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await resp.close();
    state = 'stopped';
    options.onState?.('stopped');
  };
  const url = `redis://${user}:${password}@${HOST}:${port}`;
  return {
    name: 'redis',
    url,
    ownUrl: url,
    kind: 'stand-in',
    version: null,
    durable: false,
    notice:
      `Redis stand-in inside Gantry: it keeps nothing once Gantry ends, and has no memory limit. ${options.reason}. ` +
      'For a real one: apt-get install redis-server, or set REDIS_URL',
    state: () => state,
    pid: () => null,
    restarts: () => 0,
    stop: () => (stopping ??= close()),
  };
}
