import { KEYS_USAGE } from './keys/keys-usage.ts';
import { run as seal } from './keys/seal-command.ts';
import { run as verify } from './keys/verify.ts';

/** `gantry keys ...`. Exit code 0: success; 1: failure; 2: wrong arguments. No key is ever printed. */
export async function run(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'help' || args.includes('--help') || args.includes('-h')) {
    console.log(KEYS_USAGE);
    return 0;
  }
  if (command === 'verify') return verify(rest);
  if (command === 'encrypt' || command === 'decrypt') return seal(command, rest);
  console.error(command === undefined ? KEYS_USAGE : `gantry keys: there is no command "${command}"\n\n${KEYS_USAGE}`);
  return 2;
}
