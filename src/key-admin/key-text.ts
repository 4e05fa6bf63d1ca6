import { MARK } from '../keys/key-config.ts';
import { KeyError } from '../keys/key-config-error.ts';
import { StorageError } from '../storage/storage-error.ts';
import { readWhole } from '../storage/files.ts';
import { parseYaml } from '../storage/yaml.ts';
import { KeyAdminError } from './key-admin-error.ts';
import { isSealed, type Sealer } from './seal.ts';

/** The content of a key file before its variables are filled in; `source` names it in messages. */
export interface KeySource {
  readonly raw: unknown;
  readonly source: string;
  /** Its text, to tell whether it changed; holds keys when they stand in the file. */
  readonly text: string;
  readonly notice: string | null;
}

/** Parses the text of a key file. Throws `KEY_CONFIG_INVALID`; no message holds text of the file. */
export function parseKeyText(text: string, source: string): unknown {
  try {
    return parseYaml(text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, `${MARK.open}$1${MARK.close}`), source);
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    throw new KeyError('KEY_CONFIG_INVALID', thrown.message, { path: source, ...thrown.fields }, thrown);
  }
}

/** `config/api_keys.yaml` -> `config/api_keys.enc` */
export const sealedPathOf = (keysFile: string): string => `${keysFile.replace(/\.(?:ya?ml|json)$/iu, '')}.enc`;

/** Larger than any key file, encrypted. */
const MAX_BYTES = 1024 * 1024;

/** Null when there is no such file. Throws `KEY_CONFIG_UNREADABLE`. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readWhole(path, MAX_BYTES);
  } catch (thrown) {
    if (!(thrown instanceof StorageError)) throw thrown;
    throw new KeyError(
      'KEY_CONFIG_UNREADABLE',
      `${thrown.message}: check that it is a key file, and its permissions`,
      { path },
      thrown,
    );
  }
}

/** The encrypted key file when there is one, else the plain one, else no keys. */
export async function readKeySource(keysFile: string, sealer: Sealer | null): Promise<KeySource> {
  const sealedFile = sealedPathOf(keysFile);
  const [plain, sealed] = await Promise.all([readIfThere(keysFile), readIfThere(sealedFile)]);
  if (sealed === null)
    return {
      raw: plain === null ? {} : parseKeyText(plain, keysFile),
      source: keysFile,
      text: plain ?? '',
      notice: null,
    };
  if (!isSealed(sealed))
    throw new KeyAdminError('SEAL_FORMAT', `${sealedFile} is not a file made by "npm run gantry -- keys encrypt"`, {
      path: sealedFile,
    });
  if (sealer === null)
    throw new KeyAdminError(
      'SEAL_KEY_MISSING',
      `${sealedFile} is encrypted: set GANTRY_KEYS_SECRET or GANTRY_KEYS_SECRET_FILE`,
      { path: sealedFile },
    );
  const text = await sealer.open(sealed, sealedFile);
  const notice = plain === null ? null : `${keysFile} is not read, because ${sealedFile} is there; remove one of them`;
  return { raw: parseKeyText(text, sealedFile), source: sealedFile, text: `${sealed}\n${plain === null}`, notice };
}
