import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Log } from '../infra/log.ts';
import { asError } from '../runtime/errors.ts';

/** Longest path of a socket file on Linux and macOS, less the file's name. */
const MAX_FOLDER = 103 - 16;

/**
 * Makes an empty folder for the sockets of live previews, which only our user may enter: in the data folder, or in the
 * system's temporary folder when that path is too long for a socket. Null, with a warning, when neither can be made.
 */
export async function makePreviewFolder(dataDir: string, log: Log): Promise<string | null> {
  const wanted = join(dataDir, 'live');
  try {
    if (Buffer.byteLength(wanted) > MAX_FOLDER) return await mkdtemp(join(tmpdir(), 'gantry-live-'));
    await rm(wanted, { recursive: true, force: true });
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    await chmod(wanted, 0o700);
    return wanted;
  } catch (thrown) {
    log.warn(
      { folder: wanted, err: asError(thrown) },
      `there is no live video: folder ${wanted} cannot be made: ${asError(thrown).message}`,
    );
    return null;
  }
}

export async function removePreviewFolder(folder: string | null): Promise<void> {
  if (folder !== null) await rm(folder, { recursive: true, force: true });
}
