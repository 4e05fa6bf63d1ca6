/** Calls `work` every `ms` until the returned function is called. Keeps no process alive. */
export function everyMs(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref();
  return () => clearInterval(timer);
}

/** Calls `work` once, after `ms`. Keeps no process alive. */
export function afterMs(ms: number, work: () => void): void {
  setTimeout(work, ms).unref();
}
