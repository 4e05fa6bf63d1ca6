import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { BenchOptions } from '../harness.ts';

const USAGE = `Usage: npm run bench:danger -- [options]

  --scenes DIR         folders of scenes (default: a few of the project's own generator)
  --footage PATH       a video file, or a folder of them, without calibration; "demo": the demo camera's, with its scene
  --quiet-hours N      so many camera-hours without a staged event, of the project's own generator
  --seed N             of the own generator (default 1)
  --only TEXT          scenes whose name contains it, or one of several, separated by commas
  --fps N              regular frames a second, 0.1 to 10 (default 1)
  --no-burst           no look-backs
  --burst-fps N        pictures a second for look-backs, on average (default 2)
  --noise KIND         shipped (default): what a detector says; none: the true boxes
  --calibration KIND   given (default), error: road points off by up to 5 %, none: scale from sizes
  --alarms FILE        writes a line of JSON for each alarm
  --tracks FILE        writes a line of JSON for each analysed frame
  --details            shows each miss and each false alarm
  --json               the last line is one JSON object
  --quick              every sixth scene
`;

export const NOISES = ['shipped', 'none'] as const;
export const CALIBRATIONS = ['given', 'error', 'none'] as const;

export interface DangerOptions extends BenchOptions {
  /** Null: scenes of the own generator. */
  readonly scenes: string | null;
  readonly only: string | null;
  /** A file, a folder or "demo"; null: not asked for. */
  readonly footage: string | null;
  /** Null: not asked for. */
  readonly quietHours: number | null;
  readonly seed: number;
  readonly fps: number;
  readonly burst: boolean;
  readonly burstFps: number;
  readonly noise: (typeof NOISES)[number];
  readonly calibration: (typeof CALIBRATIONS)[number];
  readonly alarms: string | null;
  readonly tracks: string | null;
  /** Shows each miss and each false alarm. */
  readonly details: boolean;
}

/** Ends the process after `--help` (status 0) and at an option that is wrong (status 2). */
export function readDangerOptions(args: readonly string[]): DangerOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        scenes: { type: 'string' },
        only: { type: 'string' },
        footage: { type: 'string' },
        'quiet-hours': { type: 'string' },
        seed: { type: 'string', default: '1' },
        fps: { type: 'string', default: '1' },
        'no-burst': { type: 'boolean', default: false },
        'burst-fps': { type: 'string', default: '2' },
        noise: { type: 'string', default: 'shipped' },
        calibration: { type: 'string', default: 'given' },
        alarms: { type: 'string' },
        tracks: { type: 'string' },
        details: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const { scenes = null, only = null, footage = null, alarms = null, tracks = null, quick, json } = values;
    const quietHours = values['quiet-hours'];
    if ([scenes, footage, quietHours ?? null].filter((given) => given !== null).length > 1)
      throw new RangeError('--scenes, --footage and --quiet-hours exclude each other');
    if (scenes !== null && !existsSync(scenes)) throw new RangeError(`--scenes: there is no folder "${scenes}"`);
    return {
      scenes,
      only,
      footage,
      alarms,
      tracks,
      quick,
      json,
      fps: number('fps', values.fps, 0.1, 10),
      quietHours: quietHours === undefined ? null : number('quiet-hours', quietHours, 0.1, 240),
      seed: number('seed', values.seed, 0, 100_000),
      burst: !values['no-burst'],
      burstFps: number('burst-fps', values['burst-fps'], 0, 10),
      noise: oneOf('noise', values.noise, NOISES),
      calibration: oneOf('calibration', values.calibration, CALIBRATIONS),
      details: values.details,
    };
  } catch (error) {
    console.error(`bench:danger: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new RangeError(`--${name} must be a number from ${least} to ${most}, not "${text}"`);
}

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((value) => value === text);
  if (found !== undefined) return found;
  throw new RangeError(`--${name} must be one of ${allowed.join(', ')}, not "${text}"`);
}
