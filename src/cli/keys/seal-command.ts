import { join } from 'node:path';
import { KeyAdminError } from '../../key-admin/key-admin-error.ts';
import { parseKeyText, readIfThere, sealedPathOf } from '../../key-admin/key-text.ts';
import { isSealed, type Sealer, sealerFromEnv } from '../../key-admin/seal.ts';
import { KeyFile } from '../../keys/key-config.schema.ts';
import { parseKeyConfig } from '../../keys/key-config.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';
import { writeWhole } from '../../storage/files.ts';
import type { Output } from '../output.ts';

interface Options {
  readonly from: string;
  readonly to: string;
  /** Overwrite `to`. */
  readonly force: boolean;
}

interface Arguments {
  readonly in: string | undefined;
  readonly out: string | undefined;
  readonly force: boolean | undefined;
}

const plainPath = (): string => process.env['GANTRY_KEYS'] ?? join(PROJECT_ROOT, 'config', 'api_keys.yaml');

/**
 * `gantry keys encrypt`. Prints nothing of the file's content. Exit code 0: done. Rejects with the errors of key files,
 * of the seal and of the disk.
 */
export async function encrypt(args: Arguments, output: Output): Promise<number> {
  const from = args.in ?? plainPath();
  const to = args.out ?? sealedPathOf(from);
  const sealer = neededSealer();
  const text = await readSource({ from, to, force: args.force === true });
  if (isSealed(text)) throw new KeyAdminError('SEAL_FORMAT', `${from} is encrypted already`, { from });
  const { count, warnings } = check(text, from);
  await writeWhole(to, `${await sealer.seal(text)}\n`);
  // In an encrypted file, keys may be written out.
  for (const warning of warnings.filter((each) => !/stands in the file itself/u.test(each))) output.warn(warning);
  output.result(
    { from, to, keys: count },
    `${to}: ${count} keys, encrypted. A start uses it as long as the secret is set; now remove ${from}.`,
  );
  return 0;
}

/** `gantry keys decrypt`. As {@link encrypt}. */
export async function decrypt(args: Arguments, output: Output): Promise<number> {
  const from = args.in ?? sealedPathOf(plainPath());
  const to = args.out ?? plainPath();
  const sealer = neededSealer();
  const clear = await sealer.open(await readSource({ from, to, force: args.force === true }), from);
  const { count } = check(clear, from);
  await writeWhole(to, clear);
  output.result(
    { from, to, keys: count },
    `${to}: ${count} keys in clear, readable by you only. While ${from} is there it is the one that is used.`,
  );
  return 0;
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

/**
 * Refuses a key file that a start would refuse. `count` includes keys whose variable is not set here: it may be set
 * where Gantry is started.
 */
function check(clear: string, from: string): { readonly count: number; readonly warnings: readonly string[] } {
  const raw = parseKeyText(clear, from);
  const { warnings } = parseKeyConfig(raw, process.env, from);
  return { count: KeyFile.parse(raw ?? {}).api_keys.length, warnings };
}
