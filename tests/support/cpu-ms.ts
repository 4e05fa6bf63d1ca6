import assert from 'node:assert/strict';

/** CPU time of this thread since `began`, in ms. */
function cpuMsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.threadCpuUsage(began);
  return (user + system) / 1_000;
}

/**
 * CPU time of this thread for `work`, in ms: the least of up to five runs, ended by the first one under `enough`.
 * Unlike elapsed time, it does not grow while other processes have the processor.
 */
export function leastCpuMs(work: () => unknown, enough = 0): number {
  let least = Infinity;
  for (let run = 0; run < 5 && least >= enough; run += 1) {
    const began = process.threadCpuUsage();
    work();
    least = Math.min(least, cpuMsSince(began));
  }
  return least;
}

/** Systems count CPU time in steps of up to 10 ms, so a measurement lasts as long as several of them. */
const MEASURED_MS = 40;
/** Four times the size costs a linear algorithm 4 times the CPU time, a quadratic one 16 times. */
const MOST_GROWTH = 8;
const TRIES = 4;

/**
 * Fails when work grows faster than its size. Noise can only make a run dearer, so the cheapest of many runs counts and
 * a failed comparison is repeated: on a busy machine it passes later, and a quadratic algorithm never.
 *
 * @param prepare makes the work for a size; called for `size` and for four times that, and not measured
 * @param enoughMs a cost of the larger work that is of no interest, default 0
 */
export function assertLinear(what: string, prepare: (size: number) => () => unknown, size: number, enoughMs = 0): void {
  const [small, large] = [prepare(size), prepare(4 * size)];
  let [less, more] = [Infinity, Infinity];
  if (enoughMs > 0 && leastCpuMs(large, enoughMs) < enoughMs) return;
  for (let tries = 0; tries < TRIES; tries += 1) {
    // Three to one: the comparison must not pass because the smaller work met noise.
    for (let runs = 0; runs < 3; runs += 1) less = Math.min(less, msPerRun(small));
    more = Math.min(more, msPerRun(large));
    if (more <= MOST_GROWTH * less) return;
  }
  assert.fail(`${what}: ${more.toFixed(2)} ms for four times the size, ${less.toFixed(2)} ms before`);
}

function msPerRun(work: () => unknown): number {
  const began = process.threadCpuUsage();
  for (let runs = 1; ; runs += 1) {
    work();
    const total = cpuMsSince(began);
    if (total >= MEASURED_MS) return total / runs;
  }
}
