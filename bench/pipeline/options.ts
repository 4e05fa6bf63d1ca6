import { parseArgs } from 'node:util';
import type { BenchOptions } from '../harness.ts';

const USAGE = `Usage: npm run bench:pipeline -- [options]

  --quick          shorter runs: 45 s instead of three minutes; a pair of --against about a minute a round
  --json           the last line is one JSON object
  --profile DIR    writes a CPU profile of Gantry's process there
  --against DIR    runs the same load against the Gantry of another checkout (with its node_modules) in turn with this
                   one, and prints CPU per group and added P95 as ratios
  --rounds N       of --against (default 3)
  --rate G         groups a second of --against (default 25)
`;

export interface PipelineOptions extends BenchOptions {
  readonly profile: string | null;
  /** Folder of the other checkout; null to measure this one alone. */
  readonly against: string | null;
  readonly rounds: number;
  /** Groups a second. */
  readonly rate: number;
}

/** Ends the process after `--help` (status 0) and at an option that is wrong (status 2). */
export function readPipelineOptions(args: readonly string[]): PipelineOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        profile: { type: 'string' },
        against: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        rate: { type: 'string', default: '25' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    return {
      quick: values.quick,
      json: values.json,
      profile: values.profile ?? null,
      against: values.against ?? null,
      rounds: whole('rounds', values.rounds, 100),
      rate: whole('rate', values.rate, 1_000),
    };
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function whole(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1 && value <= max))
    throw new Error(`--${name}: must be a whole number from 1 to ${max}, not "${text}"`);
  return value;
}
