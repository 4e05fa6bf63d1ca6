import { readRuntimeFile } from '../app/runtime-file.ts';
import { NatsLink } from '../infra/nats/connection.ts';
import { asError } from '../runtime/errors.ts';
import { natsUrlFrom } from '../app/server-settings.ts';
import { shownNats } from '../servers/nats-url.ts';
import { CommandError } from './command-errors.ts';
import { dataFolderOf } from './chosen-data-folder.ts';

const ANSWER_MS = 3_000;
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** NATS of the Gantry on this data folder, else NATS_URL. Throws `NOT_RUNNING` when there is neither. */
export async function findNats(dataDir: string | undefined): Promise<string> {
  const folder = dataFolderOf(dataDir);
  const url = (await readRuntimeFile(folder))?.natsUrl ?? natsUrlFrom(process.env);
  if (url !== null) return url;
  throw new CommandError(
    'NOT_RUNNING',
    `no Gantry runs on ${folder}: start one with npm start, or name its NATS in NATS_URL`,
  );
}

/** Runs `use` with a connection. Rejects `NOT_REACHABLE` when NATS does not answer. */
export async function withNats<T>(dataDir: string | undefined, use: (link: NatsLink) => Promise<T>): Promise<T> {
  const url = await findNats(dataDir);
  const link = await open(url);
  try {
    return await use(link);
  } finally {
    await link.close();
  }
}

async function open(url: string): Promise<NatsLink> {
  try {
    return await NatsLink.open({
      url,
      startTimeoutMs: ANSWER_MS,
      log: QUIET,
      onReconnect: () => Promise.resolve(),
    });
  } catch (thrown) {
    throw new CommandError('NOT_REACHABLE', `NATS at ${shownNats(url)}: ${asError(thrown).message}`, thrown);
  }
}
