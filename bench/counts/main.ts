/**
 * `npm run bench:counts [-- --help]`: whether road users are counted right.
 *
 * The world: a street with two lanes each way, 160 to 600 vehicles an hour on each (5 % trucks and buses, motorcycles),
 * and 90 people an hour on each pavement. Drivers follow each other by the intelligent driver model. A signal stops
 * those who come towards the camera, so that they queue over the counting line. A pole camera 9 m high looks at it,
 * whose detector is like a small one: misses in runs, more of small and covered boxes, jitter, mixed-up classes, false
 * and double boxes. One frame a second and no look-backs; boxes go through the product's tracker and counter.
 *
 * Bars: GEH below 5 in every bin of 15 minutes, direction, and for vehicles and people; vehicles in all within 2 %.
 */
import { bar, machine, print, readOptions, type Result, resultOf } from '../harness.ts';
import { countStreet, type CountedQuarter } from './count-street.ts';

const options = readOptions(process.argv.slice(2));
const seconds = options.quick ? 1_800 : 7_200;
console.log(`counting ${seconds / 60} minutes of traffic ...`);
const { quarters, msPerFrame } = countStreet({ seconds, fps: 1, seed: 1 });

const total = (of: (quarter: CountedQuarter) => number): number =>
  quarters.filter(({ users }) => users === 'vehicles').reduce((sum, quarter) => sum + of(quarter), 0);
const [truth, counted] = [total((quarter) => quarter.truth), total((quarter) => quarter.counted)];
const results: Result[] = [...Map.groupBy(quarters, ({ users, direction }) => `${users} ${direction}`)].map(
  ([subject, of]) =>
    resultOf(
      'GEH of a quarter of an hour',
      subject,
      '',
      of.map(({ geh }) => geh),
    ),
);
for (const [direction, of] of Map.groupBy(quarters, (quarter) => `${quarter.users} ${quarter.direction}`)) {
  const there = of.reduce((sum, quarter) => sum + quarter.truth, 0);
  const found = of.reduce((sum, quarter) => sum + quarter.counted, 0);
  results.push(resultOf('counted, of those who were there', direction, '%', [(found / there) * 100]));
}
const worst = Math.max(...quarters.map(({ geh }) => geh));
const bars = [
  bar('worst GEH', worst, '', '<=', 5),
  bar(`vehicles counted of ${truth}`, (Math.abs(counted - truth) / truth) * 100, '% off', '<=', 2),
];
results.push(resultOf('counter and smoothed histories, a frame', 'all', 'ms', [msPerFrame]));
print({ name: 'counts', machine: machine(), results, bars }, options);
process.exitCode = bars.every(({ ok }) => ok) ? 0 : 1;
