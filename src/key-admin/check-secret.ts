import { variablesIn } from './apply.ts';
import { isReference } from './changes.ts';
import { KeyAdminError } from './key-admin-error.ts';

const refused = (message: string): KeyAdminError => new KeyAdminError('KEY_REFUSED', message, { field: 'key' });

/**
 * Checks the field `key` of an added key: the key itself, or one `${VARIABLE}` of those that the key file names. Throws
 * `KEY_REFUSED`. `raw` is the content of the key file, `source` its name.
 */
export function checkSecret(key: string, raw: unknown, source: string): void {
  if (/[\uE000\uE001]/u.test(key)) throw refused('key: holds characters that no key has');
  if (!isReference(key)) {
    if (/\$\{/u.test(key)) throw refused('key: must be the key itself or one ${VARIABLE} and nothing else');
    return;
  }
  if (!variablesIn(raw).has(key.slice(2, -1)))
    throw refused(
      `key: ${source} names no variable ${key.slice(0, 100)}; only variables that the key file names can be used ` +
        '(an entry there may be switched off: enabled: false)',
    );
}
