import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Name of this node among the others, the same after a restart on the same data folder. */
export async function nodeIdOf(dataDir: string): Promise<string> {
  const file = join(dataDir, 'node-id');
  try {
    const kept = (await readFile(file, 'utf8')).trim();
    if (/^[A-Za-z0-9-]{8,64}$/u.test(kept)) return kept;
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT')) throw thrown;
  }
  const made = randomUUID();
  await writeFile(file, `${made}\n`);
  return made;
}
