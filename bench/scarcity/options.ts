import { parseArgs } from 'node:util';
import type { BenchOptions } from '../harness.ts';

const USAGE = `Usage: npm run bench:scarcity -- [options]

  --quick          under 50 s: 20 minutes simulated, and 20 s of a whole Gantry with calls for a third of the questions
  --json           the last line is one JSON object
  --budget SHARE   1, 1/2, 1/3 or 1/10 of the calls that asking everything would take (default: all four, in turn)
  --seconds S      of each live run (default 100)
  --hours H        of the simulation (default 2)
  --simulate-only  no live run
  --seed N         of the world (default 1)
`;

const SHARES: ReadonlyMap<string, number> = new Map([
  ['1', 1],
  ['1/2', 1 / 2],
  ['1/3', 1 / 3],
  ['1/10', 1 / 10],
]);

/** Calls as a share of the questions. */
export interface Budget {
  readonly name: string;
  readonly share: number;
}

export interface ScarcityOptions extends BenchOptions {
  readonly budgets: readonly Budget[];
  /** Of each live run; 0: none. */
  readonly seconds: number;
  /** Simulated. */
  readonly hours: number;
  readonly seed: number;
}

/** Ends the process after `--help` (status 0) and at an option that is wrong (status 2). */
export function readScarcityOptions(args: readonly string[]): ScarcityOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        budget: { type: 'string' },
        seconds: { type: 'string' },
        hours: { type: 'string' },
        'simulate-only': { type: 'boolean', default: false },
        seed: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const { quick, json } = values;
    const seconds = number('seconds', values.seconds ?? (quick ? '20' : '100'), 20, 3_600);
    return {
      quick,
      json,
      budgets: budgetsOf(values.budget ?? (quick ? '1/3' : null)),
      seconds: values['simulate-only'] ? 0 : seconds,
      hours: number('hours', values.hours ?? (quick ? '0.34' : '2'), 0.1, 24),
      seed: number('seed', values.seed, 1, 1e9),
    };
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function budgetsOf(name: string | null): readonly Budget[] {
  if (name === null) return [...SHARES].map(([each, share]) => ({ name: each, share }));
  const share = SHARES.get(name);
  if (share === undefined) throw new Error(`--budget: must be ${[...SHARES.keys()].join(', ')}, not "${name}"`);
  return [{ name, share }];
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (!(value >= least && value <= most))
    throw new Error(`--${name}: must be a number from ${least} to ${most}, not "${text}"`);
  return value;
}
