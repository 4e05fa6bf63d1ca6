import { run as seal } from './keys/seal-command.ts';
import { run as verify } from './keys/verify.ts';

const USAGE = `usage: gantry keys COMMAND [options]

  verify    the call that real ones make, with each key: result, latency, limits seen (also: gantry verify-keys)
              [--keys FILE] [--key NAME]... [--timeout SECONDS] [--json]
  encrypt   config/api_keys.yaml -> config/api_keys.enc, which a start then uses (also: gantry encrypt-keys)
              [--in FILE] [--out FILE] [--force]
  decrypt   the way back, into a file
              [--in FILE] [--out FILE] [--force]

encrypt and decrypt take the secret from GANTRY_KEYS_SECRET, or from the file that GANTRY_KEYS_SECRET_FILE names:
32 bytes as hex or base64 (openssl rand -hex 32), or a password of at least 12 characters.`;

/** `gantry keys ...`. Exit code 0: all is well; 1: it is not; 2: bad call. No key is ever printed. */
export async function run(args: string[]): Promise<number> {
  const [command, ...rest] = args;
  const help = command === 'help' || args.includes('--help') || args.includes('-h');
  if (help) {
    console.log(USAGE);
    return 0;
  }
  if (command === 'verify') return verify(rest);
  if (command === 'encrypt' || command === 'decrypt') return seal(command, rest);
  console.error(command === undefined ? USAGE : `gantry keys: there is no command "${command}"\n\n${USAGE}`);
  return 2;
}
