const TICK_MS = 5;

/**
 * Watches the event loop of this thread until the function it returns is called, which tells the longest delay in ms.
 * A turn counts with the lesser of how late it came and what this thread worked meanwhile: one that came late while the
 * thread had no processor was held up by the neighbours, not by what is tested.
 */
export function watchLoopDelay(): () => number {
  let longestMs = 0;
  let [at, cpu] = [performance.now(), process.threadCpuUsage()];
  const tick = (): void => {
    const [now, used] = [performance.now(), process.threadCpuUsage(cpu)];
    longestMs = Math.max(longestMs, Math.min(now - at - TICK_MS, (used.user + used.system) / 1_000));
    [at, cpu] = [now, process.threadCpuUsage()];
  };
  const timer = setInterval(tick, TICK_MS);
  return () => {
    clearInterval(timer);
    tick();
    return longestMs;
  };
}
