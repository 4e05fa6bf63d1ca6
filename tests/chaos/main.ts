/**
 * npm run chaos: breaks a whole Gantry by a seeded schedule, and proves from its own record that no frame was lost,
 * sent twice or dropped without a word.
 */
import { parseArgs } from 'node:util';
import type { Verdict } from './checker.ts';
import { runChaos } from './run.ts';
import { FAULTS } from './schedule.ts';

const USAGE = `usage: npm run chaos -- [--seed S] [--minutes M] [--only KIND,...] [--json]

  --seed S       decides on everything that chance decides (default: drawn, and printed)
  --minutes M    how long the run is (default 3)
  --only KINDS   of ${FAULTS.join(', ')}
  --json         the verdict as the last line`;
const MOST_SHOWN = 20;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '3' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const minutes = Number(values.minutes);
const kinds = FAULTS.filter((kind) => values.only === undefined || values.only.split(',').includes(kind));
if (values.help || !Number.isInteger(seed) || !(minutes >= 0.3 && minutes <= 600) || kinds.length === 0) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const result = await runChaos({
  seed,
  totalMs: minutes * 60_000,
  calmMs: 4_000,
  gapMs: [5_500, 9_000],
  kinds,
  say: (line) => console.log(line),
});
const {
  ok,
  emitted,
  aggregated,
  shed,
  verdicts,
  lost,
  doubled,
  silent,
  unknown,
  alerts,
  violations,
  recovery,
  faults,
  record,
  folder,
} = result;
const times = recovery.flatMap(({ ms }) => (ms === null ? [] : [ms])).toSorted((a, b) => a - b);
const feedRecoveryMs = {
  p50: times[Math.floor(times.length / 2)] ?? null,
  max: recovery.some(({ ms }) => ms === null) ? null : (times.at(-1) ?? null),
};

console.log(
  `\nframes emitted ${emitted}, with groups and aggregated ${aggregated}, shed ${shed}; ` +
    `verdicts of their groups ${JSON.stringify(verdicts)}; ` +
    `alerts ${alerts.inHistory}; dead letters ${record.deadLetters}`,
);
console.log(`back after the end of a fault, in ms (the feed / the model's verdicts):\n${table(recovery)}`);
for (const [what, list] of Object.entries({
  lost,
  doubled,
  silent,
  'unknown though no model said so': unknown,
  'alerts that differ': alerts.differ,
  'alerts not seen': alerts.unseen,
  'limits exceeded': record.violations.map((violation) => JSON.stringify(violation)),
})) {
  if (list.length > 0)
    console.log(
      `${what}: ${list.length}\n${list
        .slice(0, MOST_SHOWN)
        .map((line) => `  ${line}`)
        .join('\n')}`,
    );
}
console.log(
  ok
    ? `ok: nothing lost, doubled or silent (seed ${seed})`
    : `NOT OK: seed ${seed}; the logs of all processes are in ${folder}`,
);
if (values.json) {
  const counts = {
    emitted,
    aggregated,
    shed,
    lost: lost.length,
    doubled: doubled.length,
    silent: silent.length,
    unknown: unknown.length,
    alertsDiffer: alerts.differ.length,
    alertsUnseen: alerts.unseen.length,
  };
  console.log(
    JSON.stringify({
      name: 'chaos',
      seed,
      minutes,
      faults: faults.filter(({ skipped }) => skipped === undefined).length,
      ...counts,
      feedRecoveryMs,
      violations,
      ok,
    }),
  );
}
process.exit(ok ? 0 : 1);

function table(rows: Verdict['recovery']): string {
  const shown = (ms: number | null): string => (ms === null ? 'never' : String(ms));
  return [...Map.groupBy(rows, ({ kind }) => kind)]
    .map(([kind, each]) => {
      const both = each.map(({ ms, judgedMs }) => `${shown(ms)} / ${shown(judgedMs)}`);
      return `  ${kind.padEnd(20)} ${both.join(', ')}`;
    })
    .join('\n');
}
