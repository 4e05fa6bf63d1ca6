import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole, writeWhole } from '../storage/files.ts';
import { type DataNotices, setAside } from '../storage/set-aside.ts';

/**
 * This node's name, kept in the data folder over restarts. A file that holds no name is set aside with a notice, and a
 * new name is made.
 */
export async function nodeIdOf(dataDir: string, notices: DataNotices): Promise<string> {
  const file = join(dataDir, 'node-id');
  const kept = await readId(file);
  if (kept.id !== null) return kept.id;
  const made = randomUUID();
  if (kept.problem !== null) {
    const aside = await setAside(file);
    notices.say(
      { file, aside },
      `${kept.problem}; it is now ${aside}, and this node has the new name ${made}: ` +
        "changes of API keys that it made alone count as another node's",
    );
  }
  await writeWhole(file, `${made}\n`);
  return made;
}

async function readId(file: string): Promise<{ readonly id: string | null; readonly problem: string | null }> {
  try {
    const text = (await readWhole(file, 1_024))?.trim() ?? null;
    if (text === null || /^[A-Za-z0-9-]{8,64}$/u.test(text)) return { id: text, problem: null };
    return { id: null, problem: `${file} does not hold the name of a node` };
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    return { id: null, problem: thrown.message };
  }
}
