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

/**
 * The longest delay of the event loop during `work`, in ms: the least of up to five runs, ended by the first one under
 * `enough`. A busy machine can delay one run by more than the work does, but hardly all of them.
 */
export async function leastLoopDelay(work: () => Promise<unknown>, enough: number): Promise<number> {
  let least = Infinity;
  for (let run = 0; run < 5 && least >= enough; run += 1) {
    const longest = watchLoopDelay();
    await work();
    least = Math.min(least, longest());
  }
  return least;
}
