import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { KeyAdminError } from '../../key-admin/key-admin-error.ts';
import { readKeySource } from '../../key-admin/key-text.ts';
import { sealerFromEnv } from '../../key-admin/seal.ts';
import { type KeySpec, parseKeyConfig } from '../../keys/key-config.ts';
import { KeyError } from '../../keys/key-config-error.ts';
import { createVlmClient, type VlmClient, type VlmReply } from '../../llm/client.ts';
import { buildPrompt } from '../../llm/prompt.ts';
import { newRequestId, newTraceId, ON_DEMAND_CAMERA, taskId } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';

/** What a call with a key came to, as real calls are made. No field holds the key. */
export interface Verified {
  readonly key: string;
  readonly model: string;
  readonly result: string;
  readonly ok: boolean;
  /** More than one when the provider refused parameters, each of which is left out of the next call. */
  readonly calls: number;
  /** How the last call differed from the plain one. */
  readonly adaptations: readonly string[];
  readonly latencyMs: number;
  readonly tokens: number;
  /** Headers of the answer that speak of limits, by name. */
  readonly limits: Readonly<Record<string, string>>;
  readonly message: string | null;
}

const AT_ONCE = 4;
/** More than there are parameters to refuse. */
const MOST_CALLS = 12;
const PICTURE = { width: 320, height: 240 } as const;

/** `gantry keys verify`. Exit code 0: every key works; 1: one does not, or there is none; 2: bad call. */
export async function run(args: string[]): Promise<number> {
  let values: { keys?: string; key?: string[]; timeout?: string; json?: boolean };
  try {
    ({ values } = parseArgs({
      args,
      options: {
        keys: { type: 'string' },
        key: { type: 'string', multiple: true },
        timeout: { type: 'string' },
        json: { type: 'boolean' },
      },
    }));
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
    return results.every(({ ok }) => ok) &&
      missing.length === 0 &&
      !warnings.some((warning) => /is left out/u.test(warning))
      ? 0
      : 1;
  } catch (thrown) {
    if (!(thrown instanceof KeyAdminError) && !(thrown instanceof KeyError)) throw thrown;
    console.error(thrown.message);
    return 1;
  }
}

/** The calls that real ones make, key by key, a few at a time; results in the order of the keys. */
export async function verifyAll(keys: readonly KeySpec[], timeoutMs: number): Promise<Verified[]> {
  const jpeg = await testPicture();
  const client = createVlmClient();
  const results: Verified[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < keys.length; index = next++) {
      const key = keys[index];
      if (key !== undefined) results[index] = await verifyOne(client, key, jpeg, timeoutMs);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return results;
}

/** Two cars on a road, drawn: of a size that every provider takes. */
const testPicture = (): Promise<Buffer> =>
  sharp(
    Buffer.from(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${PICTURE.width}" height="${PICTURE.height}">
      <rect width="100%" height="100%" fill="#7a8a78"/><rect y="90" width="100%" height="120" fill="#555"/>
      <path d="M0 150H320" stroke="#eee" stroke-width="4" stroke-dasharray="24 16"/>
      <rect x="40" y="100" width="70" height="34" rx="8" fill="#b02020"/>
      <rect x="200" y="166" width="74" height="34" rx="8" fill="#2040b0"/></svg>`,
    ),
  )
    .jpeg()
    .toBuffer();

/** A picture as people hand one in: one group, nothing measured. */
function testTask(timeoutMs: number): AssessmentTask {
  const requestId = newRequestId();
  const now = Date.now();
  return {
    taskId: taskId(requestId, 1),
    requestId,
    cameraId: ON_DEMAND_CAMERA,
    timestamp: new Date(now).toISOString(),
    traceId: newTraceId(),
    priority: 3,
    expiresAt: new Date(now + timeoutMs).toISOString(),
    group: {
      groupIndex: 1,
      groupId: requestId,
      objectCount: 0,
      classes: [],
      bbox: [0, 0, PICTURE.width, PICTURE.height],
      averageConfidence: 0,
      memberIndices: [],
      features: {
        density: 0,
        meanSpacing: 0,
        minSpacing: 0,
        vehicleCount: 0,
        personCount: 0,
        minPersonVehicleDistance: null,
        maxSpeed: null,
        maxClosingSpeed: null,
      },
      cropId: null,
    },
    members: [],
    imageWidth: PICTURE.width,
    imageHeight: PICTURE.height,
  };
}

/** Asks again as often as the request is changed for the provider, as the scheduler does. */
async function verifyOne(client: VlmClient, key: KeySpec, jpeg: Buffer, timeoutMs: number): Promise<Verified> {
  const task = testTask(timeoutMs);
  const access = { ...key, keyName: key.name };
  const began = performance.now();
  for (let calls = 1; ; calls += 1) {
    const reply = await client.call({
      access,
      prompt: buildPrompt(task, 'en'),
      jpeg,
      traceId: task.traceId,
      timeoutMs,
    });
    const { promptTokens, completionTokens, adaptations = [], limits = {} } = reply;
    if (!reply.ok && reply.failure.kind === 'stepped-down' && calls < MOST_CALLS) continue;
    const head = { key: key.name, model: key.model, calls, adaptations, limits };
    const figures = { latencyMs: Math.round(performance.now() - began), tokens: promptTokens + completionTokens };
    if (reply.ok && reply.answer.riskLevel !== 'unknown')
      return { ...head, ...figures, result: 'ok', ok: true, message: null };
    if (reply.ok)
      return {
        ...head,
        ...figures,
        result: 'unreadable',
        ok: false,
        message: 'the answer names no level that is known',
      };
    return { ...head, ...figures, result: reply.failure.kind, ok: false, message: explained(reply.failure) };
  }
}

/** Why the key does not work, and what would help. */
function explained(failure: Extract<VlmReply, { ok: false }>['failure']): string {
  if (failure.kind === 'rejected-key')
    return failure.why === 'arrears' ? `arrears: ${failure.message}` : `refused: ${failure.message}`;
  if (failure.kind === 'misconfigured') return `check model and base_url: ${failure.message}`;
  if (failure.kind === 'rate-limited') {
    const wait = failure.retryAfterMs === null ? 'wait' : `wait ${failure.retryAfterMs / 1_000} s`;
    return `${wait} (${failure.limit ?? 'rate'}): ${failure.message}`;
  }
  if (failure.kind === 'unreadable' && failure.reason === 'reasoning-only')
    return `${failure.message}; raise max_output_tokens, or switch reasoning off by extra_body`;
  return failure.message;
}

function table(results: readonly Verified[]): string {
  const rows = results.map(({ key, model, result, latencyMs, tokens, limits }) => [
    key,
    model,
    result,
    `${latencyMs} ms`,
    String(tokens),
    Object.entries(limits)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ') || '-',
  ]);
  const all = [['key', 'model', 'result', 'latency', 'tokens', 'limits seen'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const failed = results.filter(({ ok }) => !ok);
  const adapted = results.filter(({ ok, adaptations }) => ok && adaptations.length > 0);
  return [
    ...lines,
    '',
    ...adapted.map(({ key, adaptations }) => `${key}: works, but only so: ${adaptations.join(', ')}`),
    ...failed.map(({ key, message }) => `${key}: ${message ?? 'failed'}`),
    failed.length === 0 ? `all ${results.length} keys work` : `${failed.length} of ${results.length} keys do not work`,
  ].join('\n');
}
