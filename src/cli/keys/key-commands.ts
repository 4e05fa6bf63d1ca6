import { type Command, command, group } from '../cli-command.ts';

const verify = (name: string, summary: string): Command =>
  command({
    name,
    summary,
    options: {
      keys: { type: 'string', describe: 'the key file (GANTRY_KEYS, default config/api_keys.yaml)' },
      key: { type: 'array', string: true, describe: 'only the key of this name; may be given more than once' },
      timeout: { type: 'string', describe: 'longest call in seconds, 0.1 to 600 (default 35)' },
    },
    load: async () => (await import('./verify.ts')).run,
  });

const seal = (name: string, direction: 'encrypt' | 'decrypt', summary: string): Command =>
  command({
    name,
    summary,
    details: `Takes the secret from GANTRY_KEYS_SECRET, or from the file that GANTRY_KEYS_SECRET_FILE names: 32 bytes
as hex or base64 (openssl rand -hex 32), or a password of at least 12 characters.`,
    options: {
      in: { type: 'string', describe: 'file to read' },
      out: { type: 'string', describe: 'file to write' },
      force: { type: 'boolean', describe: 'overwrite the file to write' },
    },
    load: async () => (await import('./seal-command.ts'))[direction],
  });

export const keyCommands: readonly Command[] = [
  group('keys', 'verify, encrypt and decrypt API keys', [
    verify('verify', 'call the model once with each key: result, latency, limits seen (also: verify-keys)'),
    seal('encrypt', 'encrypt', 'write config/api_keys.enc, which the next start uses (also: encrypt-keys)'),
    seal('decrypt', 'decrypt', 'the reverse of encrypt, into a file'),
  ]),
  verify('verify-keys', 'the same as keys verify'),
  seal('encrypt-keys', 'encrypt', 'the same as keys encrypt'),
];
