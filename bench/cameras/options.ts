import { parseArgs } from 'node:util';
import type { BenchOptions } from '../harness.ts';

const USAGE = `Usage: npm run bench:cameras -- [options]

  --cameras N          RTSP cameras, 1280x720, 25 pictures and a keyframe a second, 1.5 Mbit/s (default 100)
  --duration S         seconds measured, after the start (default 300)
  --interval S         seconds between analysed pictures of a camera (default 2)
  --provider-ms A-B    the provider answers after A to B ms, evenly spread (default 800-1500)
  --model NAME         detector (default: Gantry's)
  --burst              ten cameras burst 5 pictures a second for 5 s at once, again and again
  --soak MINUTES       in place of --duration: memory over a long time
  --search             the largest number of cameras that keeps 95 % of the wanted rate for 30 s, from --cameras on
  --quick              under 50 s: 10 cameras for 20 s
  --json               the last line is one JSON object
`;

export interface CamerasOptions extends BenchOptions {
  readonly cameras: number;
  readonly seconds: number;
  readonly intervalSeconds: number;
  readonly provider: { readonly leastMs: number; readonly mostMs: number };
  readonly model: string | null;
  readonly burst: boolean;
  readonly search: boolean;
}

/** Ends the process after `--help` (status 0) and at an option that is wrong (status 2). */
export function readCamerasOptions(args: readonly string[]): CamerasOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        cameras: { type: 'string' },
        duration: { type: 'string' },
        interval: { type: 'string', default: '2' },
        'provider-ms': { type: 'string', default: '800-1500' },
        model: { type: 'string' },
        burst: { type: 'boolean', default: false },
        soak: { type: 'string' },
        search: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const { quick, json, burst, search } = values;
    const duration = number('duration', values.duration ?? (quick ? '20' : '300'), 10, 86_400);
    return {
      quick,
      json,
      burst,
      search,
      cameras: whole('cameras', values.cameras ?? (quick ? '10' : '100'), burst ? 11 : 1, 1_000),
      seconds: values.soak === undefined ? duration : number('soak', values.soak, 1, 1_440) * 60,
      intervalSeconds: number('interval', values.interval, 0.5, 60),
      provider: span('provider-ms', values['provider-ms']),
      model: values.model ?? null,
    };
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most))
    throw new Error(`--${name}: must be a number from ${least} to ${most}, not "${text}"`);
  return value;
}

function whole(name: string, text: string, least: number, most: number): number {
  const value = number(name, text, least, most);
  if (!Number.isInteger(value)) throw new Error(`--${name}: must be a whole number, not "${text}"`);
  return value;
}

function span(name: string, text: string): CamerasOptions['provider'] {
  const [, least = '', most = ''] = /^(\d{1,5})-(\d{1,5})$/u.exec(text) ?? [];
  if (least === '' || Number(least) > Number(most))
    throw new Error(`--${name}: must be two numbers of ms like 800-1500, not "${text}"`);
  return { leastMs: Number(least), mostMs: Number(most) };
}
