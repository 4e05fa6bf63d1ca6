/**
 * `npm run bench:scarcity [-- --help]`: whether scarce calls go to the likeliest dangers, and how fresh
 * the answers are.
 *
 * The world: 50 cameras, a frame each 2 s (10 % jitter), 20 groups a second to ask about. A group lives for 5 to 60 s.
 * Of a hundred groups 85 are harmless, 10 come to a low, 3 to a medium and 2 to a high danger. One danger in five is
 * there from the group's first frame, the others begin in the first 70 % of its life; half of them last as long as the
 * group, the others 3 to 15 s. Features come from boxes and velocities by Gantry's own code. They hint at the danger:
 * a group's mean distance, speed and direction are drawn from ranges that overlap from level to level (`scene.ts`).
 *
 * The noise, in each frame: distances +-10 px, speeds +-25 px/s, direction +-0.12 of its share (one deviation),
 * and in 2 % of the frames the tracker mixes two road users up. 8 % of the harmless groups look like a danger for 2 to
 * 8 s. 2 % of the dangers hint at themselves up to 2 s too late. A quarter of the groups have no speeds in their first
 * frame.
 *
 * The budgets are 1, 1/2, 1/3 and 1/10 of the calls that asking everything would take, as four keys bound by their
 * minute. The model answers the truth of the frame that it is shown, after 0.8 to 1.5 s.
 *
 * Simulated: hours of this world in seconds, with Gantry's prior, value, price and board, without its threads, servers
 * and networks; an answer reaches the screen 60 ms after it came. Live: a whole Gantry with NATS and Redis, a strict
 * provider, cameras and a viewer on its WebSocket, each in a process of its own, all on this machine. Replayed: the
 * frames of the live run under other policies, simulated: first in first out with 27 s of backlog (Gantry as it was),
 * newest first, and by chance.
 *
 * A danger (medium or high, from its first frame) is in time when the model's verdict is on the screen 2.5 s after that
 * frame. The optimum in hindsight is a bound (`optimum.ts`): it knows every danger and the fastest answers, and spends
 * calls on nothing else. A live minute has few dangers: shares of fewer than 250 may be two standard errors below their
 * bar.
 */
import { bar, type Bar, machine, print, type Result } from '../harness.ts';
import { limitsFor } from './limits.ts';
import { type Budget, readScarcityOptions } from './options.ts';
import { liveReport, simulatedReport } from './report.ts';
import { runLive } from './run.ts';
import { framesOf } from './world.ts';

const CAMERAS = 50;
const GROUPS_PER_SECOND = 20;

const options = readScarcityOptions(process.argv.slice(2));
const { seed } = options;
const world = { cameras: CAMERAS, groupsPerSecond: GROUPS_PER_SECOND, seed };
const results: Result[] = [];
const bars: Bar[] = [];
const limitsOf = ({ share }: Budget): ReturnType<typeof limitsFor> => limitsFor(GROUPS_PER_SECOND * share);

console.log(`simulating ${options.hours} h ...`);
const hours = framesOf({ ...world, seconds: options.hours * 3_600 });
for (const budget of options.budgets) {
  const found = simulatedReport(budget, { frames: hours, limits: limitsOf(budget), seed });
  results.push(...found.results);
  bars.push(...found.bars);
}
if (options.seconds > 0)
  for (const budget of options.budgets) {
    console.log(`live: ${options.seconds} s with calls for ${budget.name} of the questions ...`);
    const seconds = { ...world, seconds: options.seconds };
    const limits = limitsOf(budget);
    const run = await runLive(seconds, limits);
    const found = liveReport(budget, run, { frames: framesOf(seconds), limits, seed, seconds: options.seconds });
    results.push(...found.results);
    bars.push(...found.bars);
  }
if (bars.length === 0) bars.push(bar('bars of these budgets', 0, '', '<=', 0));
print({ name: 'bench:scarcity', machine: machine(), results, bars }, options);
