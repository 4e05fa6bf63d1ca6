import { closeSync, openSync, readSync } from 'node:fs';

/** Longest secret, in bytes; a larger file is refused. */
const LONGEST = 4_096;

/** Reads at most the first `limit` bytes of a file as text. Throws the file system's error. */
export type ReadStart = (path: string, limit: number) => string;

/** `secret`: null when neither variable is set. `problem`: one sentence naming the variable, never the secret. */
export type EnvSecret = { readonly secret: string | null } | { readonly problem: string };

/**
 * A secret of the environment: `NAME` itself, or the content of the file that `NAME_FILE` names (a container's mounted
 * secret), without white space around it, as editors and `echo` end files with a line break.
 */
export function secretFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
  read: ReadStart = readStart,
): EnvSecret {
  const direct = env[name] ?? '';
  const file = env[`${name}_FILE`] ?? '';
  if (file === '') return { secret: direct === '' ? null : direct };
  if (direct !== '') return { problem: `${name} and ${name}_FILE are both set: leave one of them out` };
  let text: string;
  try {
    text = read(file, LONGEST + 1);
  } catch (thrown) {
    return { problem: `${name}_FILE: ${file} cannot be read (${reasonOf(thrown)})` };
  }
  if (Buffer.byteLength(text) > LONGEST) {
    return { problem: `${name}_FILE: ${file} has more than ${LONGEST} bytes: it is no file of a secret` };
  }
  const secret = text.trim();
  return secret === '' ? { problem: `${name}_FILE: ${file} is empty` } : { secret };
}

/** Not readFileSync: the variable may name anything, and some files never end. */
function readStart(path: string, limit: number): string {
  const bytes = Buffer.alloc(limit);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    for (;;) {
      const read = readSync(file, bytes, length, limit - length, null);
      length += read;
      if (read === 0 || length === limit) return bytes.toString('utf8', 0, length);
    }
  } finally {
    closeSync(file);
  }
}

/** The code says it; the message of the file system repeats the path. */
const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown reason';
