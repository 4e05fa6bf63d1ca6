import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KeyAdminError } from '../../key-admin/key-admin-error.ts';
import { parseKeyText, readIfThere, sealedPathOf } from '../../key-admin/key-text.ts';
import { isSealed, type Sealer, sealerFromEnv } from '../../key-admin/seal.ts';
import { KeyError } from '../../keys/key-config-error.ts';
import { KeyFile } from '../../keys/key-config.schema.ts';
import { parseKeyConfig } from '../../keys/key-config.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';
import { writeWhole } from '../../storage/files.ts';
import { StorageError } from '../../storage/storage-error.ts';
import { runCommand } from '../command-line.ts';
import { KEYS_USAGE } from './keys-usage.ts';

type Command = 'encrypt' | 'decrypt';

interface Options {
  readonly from: string;
  readonly to: string;
  /** Overwrite `to`. */
  readonly force: boolean;
}

/** Encrypts or decrypts a key file. Prints nothing of its content. Exit code 0: done; 1: failed; 2: wrong arguments. */
export const run = (command: Command, args: string[]): Promise<number> =>
  runCommand(
    `keys ${command}`,
    KEYS_USAGE,
    args,
    () => readOptions(command, args),
    (options) => convert(command, options),
  );

function readOptions(command: Command, args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: { in: { type: 'string' }, out: { type: 'string' }, force: { type: 'boolean' } },
  });
  const plain = process.env['GANTRY_KEYS'] ?? join(PROJECT_ROOT, 'config', 'api_keys.yaml');
  const [from, to] = command === 'encrypt' ? [plain, sealedPathOf(values.in ?? plain)] : [sealedPathOf(plain), plain];
  return { from: values.in ?? from, to: values.out ?? to, force: values.force === true };
}

async function convert(command: Command, options: Options): Promise<number> {
  try {
    const sealer = neededSealer();
    const text = await readSource(options);
    if (command === 'encrypt') await encrypt(sealer, text, options);
    else await decrypt(sealer, text, options);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof KeyAdminError || thrown instanceof KeyError || thrown instanceof StorageError))
      throw thrown;
    console.error(thrown.message);
    return 1;
  }
}

function neededSealer(): Sealer {
  const sealer = sealerFromEnv(process.env);
  if (sealer !== null) return sealer;
  throw new KeyAdminError(
    'SEAL_KEY_MISSING',
    'set GANTRY_KEYS_SECRET, or GANTRY_KEYS_SECRET_FILE to a file that holds the secret: openssl rand -hex 32',
  );
}

async function readSource({ from, to, force }: Options): Promise<string> {
  const text = await readIfThere(from);
  if (text === null) throw new KeyAdminError('SEAL_FORMAT', `there is no file ${from}`, { from });
  if (!force && (await readIfThere(to)) !== null)
    throw new KeyAdminError('SEAL_FORMAT', `${to} is there already: name another with --out, or use --force`, { to });
  return text;
}

async function encrypt(sealer: Sealer, text: string, { from, to }: Options): Promise<void> {
  if (isSealed(text)) throw new KeyAdminError('SEAL_FORMAT', `${from} is encrypted already`, { from });
  const { count, warnings } = check(text, from);
  await writeWhole(to, `${await sealer.seal(text)}\n`);
  // In an encrypted file, keys may be written out.
  for (const warning of warnings.filter((each) => !/stands in the file itself/u.test(each))) console.error(warning);
  console.log(`${to}: ${count} keys, encrypted. A start uses it as long as the secret is set; now remove ${from}.`);
}

async function decrypt(sealer: Sealer, text: string, { from, to }: Options): Promise<void> {
  const clear = await sealer.open(text, from);
  const { count } = check(clear, from);
  await writeWhole(to, clear);
  console.log(
    `${to}: ${count} keys in clear, readable by you only. While ${from} is there it is the one that is used.`,
  );
}

/**
 * Refuses a key file that a start would refuse. `count` includes keys whose variable is not set here: it may be set
 * where Gantry is started.
 */
function check(clear: string, from: string): { readonly count: number; readonly warnings: readonly string[] } {
  const raw = parseKeyText(clear, from);
  const { warnings } = parseKeyConfig(raw, process.env, from);
  return { count: KeyFile.parse(raw ?? {}).api_keys.length, warnings };
}
