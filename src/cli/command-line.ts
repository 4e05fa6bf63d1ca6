import { asError } from '../runtime/errors.ts';

/** Thrown for invalid arguments. The message names the argument, without the command's usage. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Runs a command: reads its arguments, then does its work. Resolves to its exit code: that of `work`, 0 after `--help`,
 * 2 with message and usage when `read` throws.
 */
export async function runCommand<T>(
  name: string,
  usage: string,
  args: string[],
  read: (args: string[]) => T,
  work: (options: T) => Promise<number>,
): Promise<number> {
  if (args.includes('--help') || args.includes('-h') || args[0] === 'help') {
    console.log(usage);
    return 0;
  }
  let options: T;
  try {
    options = read(args);
  } catch (thrown) {
    console.error(`gantry ${name}: ${asError(thrown).message}\n\n${usage}`);
    return 2;
  }
  return work(options);
}

/** The number in `text`, from `min` to `max`. Throws {@link UsageError}, naming `option`. */
export function numberIn(option: string, text: string, min: number, max: number, unit = ''): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option}: must be ${unit === '' ? '' : `${unit} `}from ${min} to ${max}, not "${text}"`);
}
