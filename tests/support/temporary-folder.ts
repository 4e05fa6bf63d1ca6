import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];
process.once('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/**
 * A new, empty folder below the system's temporary folder. It is removed when the test file's process ends: after every
 * hook, and so after whatever was started in it has stopped.
 */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-test-'));
  made.push(folder);
  return folder;
}
