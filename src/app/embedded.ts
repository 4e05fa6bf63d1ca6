import { createServer } from 'node:net';
import { join } from 'node:path';
import { startNatsServer } from '../embedded/nats-server.ts';
import { startRedisServer } from '../embedded/redis-server.ts';
import { AppendOnlyMemory, appendOnlyBroken, repairAppendOnly } from '../embedded/append-only.ts';
import { clearStreamFolders, startWithStore } from '../embedded/recover.ts';
import { EmbeddedError, type EmbeddedService } from '../embedded/service.ts';
import { STREAMS_MB } from '../infra/nats/stream-sizes.ts';
import type { Log } from '../infra/log.ts';
import { systemCode, writeFailure } from '../storage/storage-error.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { GantryConfig } from './config.ts';

/** A server in use: embedded, or the operator's. */
export interface UsedService {
  /** For Gantry's own clients; with user and password. */
  readonly url: string;
  /** For the operator's tools, by way of the runtime file. */
  readonly toolsUrl: string;
  readonly durable: boolean;
  readonly notice: string | null;
  readonly embedded: EmbeddedService | null;
}

const external = (url: string): UsedService => ({ url, toolsUrl: url, durable: true, notice: null, embedded: null });
const owned = (service: EmbeddedService): UsedService => ({
  url: service.ownUrl,
  toolsUrl: service.url,
  durable: service.durable,
  notice: service.notice,
  embedded: service,
});

const NATS_PORT = 4222;
const REDIS_PORT = 6379;

/** A quarter more than the streams need. */
const storeMbFor = (streamsMb: number): number => Math.ceil(Math.max(STREAMS_MB, streamsMb) * 1.25);

/** The NATS of `NATS_URL`, else an embedded one: on the usual port when that is free. */
export async function useNats(config: GantryConfig, log: Log, notices: DataNotices): Promise<UsedService> {
  if (config.natsUrl !== null) return external(config.natsUrl);
  const dataDir = join(config.dataDir, 'nats');
  const store = join(dataDir, 'jetstream');
  const lost = 'alerts, dead letters, pictures and tasks that were stored there are not known any more';
  await clearStreamFolders(store, notices);
  const storeMb = storeMbFor(config.streamsMb);
  const start = (port: number): Promise<EmbeddedService> =>
    startWithStore({
      service: 'NATS',
      store,
      lost,
      notices,
      start: () => naming(dataDir, startNatsServer({ dataDir, port, storeMb, log })),
    });
  return owned(await onPreferred(NATS_PORT, start));
}

/** The Redis of `REDIS_URL`, none for `off`, else an embedded one. */
export async function useRedis(config: GantryConfig, log: Log, notices: DataNotices): Promise<UsedService | null> {
  if (config.redisUrl === 'off') return null;
  if (config.redisUrl !== null) return external(config.redisUrl);
  const onProgress = (line: string): void => log.info({ service: 'redis' }, line);
  const dataDir = join(config.dataDir, 'redis');
  const store = join(dataDir, 'appendonlydir');
  const lost =
    'lists of alerts, newest results and the limits of keys as they stood are not known any more ' +
    '(the history of alerts is in NATS)';
  const memory = new AppendOnlyMemory(store, join(dataDir, 'append-only-sizes.json'), notices);
  await memory.compare();
  const start = (port: number): Promise<EmbeddedService> =>
    startWithStore({
      service: 'Redis',
      store,
      lost,
      notices,
      broken: () => appendOnlyBroken(store),
      repair: () => repairAppendOnly(store),
      start: () => naming(dataDir, startRedisServer({ dataDir, port, log, onProgress })),
    });
  const running = await onPreferred(REDIS_PORT, start);
  if (!running.durable) return owned(running);
  memory.follow();
  const stop = async (): Promise<void> => {
    await running.stop();
    await memory.close();
  };
  return owned({ ...running, stop });
}

/** Gives an error of the file system a message that names the folder and says what to do. */
const naming = <T>(folder: string, starting: Promise<T>): Promise<T> =>
  starting.catch((thrown: unknown) => {
    throw systemCode(thrown)?.startsWith('E') === true && !(thrown instanceof EmbeddedError)
      ? writeFailure(folder, folder, thrown)
      : thrown;
  });

/**
 * Starts on the usual port, where people's tools look; on any free one when that is taken, also if only in the
 * meantime.
 */
async function onPreferred(port: number, start: (port: number) => Promise<EmbeddedService>): Promise<EmbeddedService> {
  if (!(await isFree(port))) return start(0);
  try {
    return await start(port);
  } catch (thrown) {
    if (await isFree(port)) throw thrown;
    return start(0);
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
