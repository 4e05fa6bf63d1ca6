import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { MARK, parseKeyConfig, type Environment, type KeyConfig } from './config.ts';
import { KeyError } from './errors.ts';

/**
 * Reads the key file. No file: no keys (tasks are judged by rules). Throws `KEY_CONFIG_UNREADABLE` or
 * `KEY_CONFIG_INVALID`; no message ever holds text of the file, since a key may stand there.
 */
export async function loadKeyConfig(path: string, env: Environment): Promise<KeyConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return parseKeyConfig({}, env, path);
    throw new KeyError('KEY_CONFIG_UNREADABLE', `${path} cannot be read: check that it is a file and its permissions`, { path }, error);
  }
  const document = parseDocument(text.replace(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, `${MARK.open}$1${MARK.close}`));
  const problem = document.errors[0];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line;
    throw new KeyError('KEY_CONFIG_INVALID', `${path}${line === undefined ? '' : `, line ${line}`}: not valid YAML (${problem.code})`, { path, line, problem: problem.code });
  }
  return parseKeyConfig(document.toJS(), env, path);
}
