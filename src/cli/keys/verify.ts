import { join } from 'node:path';
import { parseArgs } from 'node:util';
import OpenAI from 'openai';
import sharp from 'sharp';
import { KeyAdminError } from '../../key-admin/errors.ts';
import { readKeySource } from '../../key-admin/key-text.ts';
import { sealerFromEnv } from '../../key-admin/seal.ts';
import { type KeySpec, parseKeyConfig } from '../../keys/config.ts';
import { KeyError } from '../../keys/errors.ts';
import { classifyFailure } from '../../llm/failure.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';

/** What one small call with a key came to. No field holds the key. */
export interface Verified {
  readonly key: string;
  readonly model: string;
  readonly result: string;
  readonly ok: boolean;
  readonly latencyMs: number;
  readonly tokens: number;
  /** Headers of the answer that speak of limits, by name. */
  readonly limits: Readonly<Record<string, string>>;
  readonly message: string | null;
}

const LIMIT_HEADER = /^(?:x-)?ratelimit-|^retry-after/iu;
const AT_ONCE = 4;

/** `gantry keys verify`. Exit code 0: every key works; 1: one does not, or there is none; 2: bad call. */
export async function run(args: string[]): Promise<number> {
  let values: { keys?: string; key?: string[]; timeout?: string; json?: boolean };
  try {
    ({ values } = parseArgs({ args, options: { keys: { type: 'string' }, key: { type: 'string', multiple: true }, timeout: { type: 'string' }, json: { type: 'boolean' } } }));
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  const seconds = Number(values.timeout ?? '35');
  if (!(seconds >= 0.1 && seconds <= 600)) {
    console.error(`--timeout: must be seconds from 0.1 to 600, not "${values.timeout ?? ''}"`);
    return 2;
  }
  try {
    const file = values.keys ?? process.env['GANTRY_KEYS'] ?? join(PROJECT_ROOT, 'config', 'api_keys.yaml');
    const { raw, source } = await readKeySource(file, sealerFromEnv(process.env));
    const { keys, warnings } = parseKeyConfig(raw, process.env, source);
    for (const warning of warnings) console.error(warning);
    const named = values.key ?? [];
    const missing = named.filter((name) => !keys.some((key) => key.name === name));
    const chosen = keys.filter((key) => named.length === 0 || named.includes(key.name));
    for (const name of missing) console.error(`${source}: there is no key "${name}"`);
    if (chosen.length === 0) {
      console.error(`${source}: there is no key to call with`);
      return 1;
    }
    const results = await verifyAll(chosen, seconds * 1_000);
    console.log(values.json === true ? JSON.stringify(results, null, 2) : table(results));
    // A key that was left out, for its variable is not set, does not work either.
    return results.every(({ ok }) => ok) && missing.length === 0 && !warnings.some((warning) => /is left out/u.test(warning)) ? 0 : 1;
  } catch (thrown) {
    if (!(thrown instanceof KeyAdminError) && !(thrown instanceof KeyError)) throw thrown;
    console.error(thrown.message);
    return 1;
  }
}

/** One call per key, a few at a time, in the order of the keys. */
export async function verifyAll(keys: readonly KeySpec[], timeoutMs: number): Promise<Verified[]> {
  const jpeg = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#808080' } }).jpeg().toBuffer();
  const results: Verified[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < keys.length; index = next++) {
      const key = keys[index];
      if (key !== undefined) results[index] = await verifyOne(key, jpeg, timeoutMs);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

async function verifyOne(key: KeySpec, jpeg: Buffer, timeoutMs: number): Promise<Verified> {
  const client = new OpenAI({ apiKey: key.secret.reveal(), baseURL: key.baseUrl, maxRetries: 0, logLevel: 'off', organization: null, project: null });
  const timeout = AbortSignal.timeout(timeoutMs);
  const began = performance.now();
  const head = { key: key.name, model: key.model };
  try {
    const { data, response } = await client.chat.completions
      .create(
        {
          model: key.model,
          max_tokens: 1,
          messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `data:image/jpeg;base64,${jpeg.toString('base64')}` } }, { type: 'text', text: 'Answer with the word ok.' }] }],
        },
        { signal: timeout, timeout: timeoutMs + 1_000 },
      )
      .withResponse();
    return { ...head, result: 'ok', ok: true, latencyMs: Math.round(performance.now() - began), tokens: data.usage?.total_tokens ?? 0, limits: limitsIn(response.headers), message: null };
  } catch (thrown) {
    const failure = classifyFailure(thrown, { timedOut: timeout.aborted, abandoned: false }, key.secret, Date.now());
    const headers = thrown instanceof OpenAI.APIError && thrown.headers instanceof Headers ? thrown.headers : new Headers();
    return { ...head, result: failure.kind, ok: false, latencyMs: Math.round(performance.now() - began), tokens: 0, limits: limitsIn(headers), message: 'message' in failure ? failure.message : null };
  }
}

const limitsIn = (headers: Headers): Record<string, string> => Object.fromEntries([...headers].filter(([name]) => LIMIT_HEADER.test(name)).map(([name, value]) => [name.toLowerCase(), value.slice(0, 60)]));

function table(results: readonly Verified[]): string {
  const rows = results.map(({ key, model, result, latencyMs, tokens, limits }) => [key, model, result, `${latencyMs} ms`, String(tokens), Object.entries(limits).map(([name, value]) => `${name}=${value}`).join(' ') || '-']);
  const all = [['key', 'model', 'result', 'latency', 'tokens', 'limits seen'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  const failed = results.filter(({ ok }) => !ok);
  return [...lines, '', ...failed.map(({ key, message }) => `${key}: ${message ?? 'failed'}`), failed.length === 0 ? `all ${results.length} keys work` : `${failed.length} of ${results.length} keys do not work`].join('\n');
}
