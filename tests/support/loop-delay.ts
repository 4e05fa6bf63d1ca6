const TICK_MS = 5;

/**
 * Watches the event loop of this thread until the returned function is called, which gives the longest delay in ms.
 * A turn counts as the smaller of its lateness and the CPU time that this thread used meanwhile: a turn that came late
 * while the thread had no processor was delayed by other processes, not by the code under test.
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
