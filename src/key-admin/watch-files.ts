import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** An editor writes a file in several steps. The file is read once it has been quiet for this long. */
const QUIET_MS = 300;

/**
 * Calls `onChange` after one of the files changed, was replaced or created. It watches their folders, as editors and
 * mounted secrets swap files. Returns a function that ends it. Calls `onError` when a folder cannot be watched; the
 * caller's periodic check then finds changes.
 */
export function watchFiles(
  paths: readonly string[],
  onChange: () => void,
  onError: (error: unknown) => void,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onChange, QUIET_MS);
  };
  const names = new Set(paths.map((path) => basename(path)));
  const watchers: FSWatcher[] = [];
  for (const folder of new Set(paths.map((path) => dirname(path)))) {
    try {
      // `..data` is the link that Kubernetes swaps.
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || names.has(name) || name === '..data') soon();
      });
      watcher.on('error', onError);
      watchers.push(watcher);
    } catch (thrown) {
      onError(thrown);
    }
  }
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
