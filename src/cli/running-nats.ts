import { join } from 'node:path';
import { readRuntimeFile } from '../app/runtime-file.ts';
import { NatsLink } from '../infra/nats/connection.ts';
import { PROJECT_ROOT } from '../provision/folders.ts';
import { asError } from '../runtime/errors.ts';
import { natsUrlFrom } from '../app/server-settings.ts';
import { shownNats } from '../servers/nats-url.ts';

const ANSWER_MS = 3_000;
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** NATS of the Gantry on this data folder, else NATS_URL; undefined, with an error printed, when there is neither. */
export async function findNats(dataDir: string | undefined): Promise<string | undefined> {
  const folder = dataDir ?? process.env['GANTRY_DATA_DIR'] ?? join(PROJECT_ROOT, 'data');
  try {
    const url = (await readRuntimeFile(folder))?.natsUrl ?? natsUrlFrom(process.env);
    if (url !== null) return url;
  } catch (thrown) {
    console.error(asError(thrown).message);
    return undefined;
  }
  console.error(`no Gantry runs on ${folder}: start one with npm start, or name its NATS in NATS_URL`);
  return undefined;
}

/** Runs `use` with a connection. Resolves to its exit code; to 1, with an error printed, when NATS does not answer. */
export async function withNats(dataDir: string | undefined, use: (link: NatsLink) => Promise<number>): Promise<number> {
  const url = await findNats(dataDir);
  if (url === undefined) return 1;
  let link: NatsLink | null = null;
  try {
    link = await NatsLink.open({ url, startTimeoutMs: ANSWER_MS, log: QUIET, onReconnect: () => Promise.resolve() });
    return await use(link);
  } catch (thrown) {
    console.error(`NATS at ${shownNats(url)}: ${asError(thrown).message}`);
    return 1;
  } finally {
    await link?.close();
  }
}
