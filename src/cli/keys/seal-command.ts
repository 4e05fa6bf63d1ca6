import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { KeyAdminError } from '../../key-admin/key-admin-error.ts';
import { parseKeyText, readIfThere, sealedPathOf } from '../../key-admin/key-text.ts';
import { isSealed, sealerFromEnv } from '../../key-admin/seal.ts';
import { KeyFile } from '../../keys/key-config.schema.ts';
import { parseKeyConfig } from '../../keys/key-config.ts';
import { KeyError } from '../../keys/key-config-error.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';
import { StorageError } from '../../storage/storage-error.ts';
import { writeWhole } from '../../storage/files.ts';

/** Encrypts or decrypts a key file. Nothing of its content is printed. */
export async function run(command: 'encrypt' | 'decrypt', args: string[]): Promise<number> {
  let options: { in?: string; out?: string; force?: boolean };
  try {
    options = parseArgs({
      args,
      options: { in: { type: 'string' }, out: { type: 'string' }, force: { type: 'boolean' } },
    }).values;
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  const plain = process.env['GANTRY_KEYS'] ?? join(PROJECT_ROOT, 'config', 'api_keys.yaml');
  const [source, target] =
    command === 'encrypt' ? [plain, sealedPathOf(options.in ?? plain)] : [sealedPathOf(plain), plain];
  const from = options.in ?? source;
  const to = options.out ?? target;
  try {
    const sealer = sealerFromEnv(process.env);
    if (sealer === null)
      throw new KeyAdminError(
        'SEAL_KEY_MISSING',
        'set GANTRY_KEYS_SECRET, or GANTRY_KEYS_SECRET_FILE to a file that holds the secret: openssl rand -hex 32',
      );
    const text = await readIfThere(from);
    if (text === null) throw new KeyAdminError('SEAL_FORMAT', `there is no file ${from}`, { from });
    if (options.force !== true && (await readIfThere(to)) !== null)
      throw new KeyAdminError('SEAL_FORMAT', `${to} is there already: name another with --out, or use --force`, { to });
    if (command === 'encrypt' && isSealed(text))
      throw new KeyAdminError('SEAL_FORMAT', `${from} is encrypted already`, { from });
    const clear = command === 'encrypt' ? text : await sealer.open(text, from);
    // A file that a start would refuse is better refused here.
    const raw = parseKeyText(clear, from);
    const { warnings } = parseKeyConfig(raw, process.env, from);
    // Those without a value now, too: whoever starts Gantry has their variables.
    const count = KeyFile.parse(raw ?? {}).api_keys.length;
    await writeWhole(to, command === 'encrypt' ? `${await sealer.seal(clear)}\n` : clear);
    for (const warning of command === 'encrypt'
      ? warnings.filter((each) => !/stands in the file itself/u.test(each))
      : [])
      console.error(warning);
    console.log(
      command === 'encrypt'
        ? `${to}: ${count} keys, encrypted. A start uses it as long as the secret is set; now remove ${from}.`
        : `${to}: ${count} keys in clear, readable by you only. While ${from} is there it is the one that is used.`,
    );
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof KeyAdminError || thrown instanceof KeyError || thrown instanceof StorageError))
      throw thrown;
    console.error(thrown.message);
    return 1;
  }
}
