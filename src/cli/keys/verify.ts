import { join } from 'node:path';
import sharp from 'sharp';
import { readKeySource } from '../../key-admin/key-text.ts';
import { sealerFromEnv } from '../../key-admin/seal.ts';
import { type KeySpec, parseKeyConfig } from '../../keys/key-config.ts';
import { createVlmClient, type VlmClient, type VlmReply } from '../../llm/client.ts';
import { buildPrompt } from '../../llm/prompt.ts';
import { newRequestId, newTraceId, ON_DEMAND_CAMERA, taskId } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import { PROJECT_ROOT } from '../../provision/folders.ts';
import { CommandError, numberIn } from '../command-errors.ts';
import type { Output } from '../output.ts';
import type { Progress } from '../progress-bar.ts';

/** The outcome of verifying one key. No field holds the key. */
interface Verified {
  readonly key: string;
  readonly model: string;
  readonly result: string;
  readonly ok: boolean;
  /** More than one when the provider refused parameters: each is left out of the next call. */
  readonly calls: number;
  /** How the last call differed from the plain one. */
  readonly adaptations: readonly string[];
  readonly latencyMs: number;
  readonly tokens: number;
  /** Rate-limit headers of the answer, by name. */
  readonly limits: Readonly<Record<string, string>>;
  readonly message: string | null;
}

const CONCURRENT_CALLS = 4;
/** More than there are parameters that a provider may refuse. */
const MOST_CALLS = 12;
const PICTURE = { width: 320, height: 240 } as const;

interface Arguments {
  readonly keys: string | undefined;
  /** Names of the keys to verify; none: all. */
  readonly key: readonly string[] | undefined;
  readonly timeout: string | undefined;
}

/**
 * `gantry keys verify`. Exit code 0: every key works; 1: one does not. Rejects `NOT_FOUND` when there is none, and with
 * the errors of key files.
 */
export async function run(args: Arguments, output: Output): Promise<number> {
  const timeoutMs = numberIn('--timeout', args.timeout ?? '35', 0.1, 600, 'seconds') * 1_000;
  const file = args.keys ?? process.env['GANTRY_KEYS'] ?? join(PROJECT_ROOT, 'config', 'api_keys.yaml');
  const names = args.key ?? [];
  const { raw, source } = await readKeySource(file, sealerFromEnv(process.env));
  const { keys, warnings } = parseKeyConfig(raw, process.env, source);
  for (const warning of warnings) output.warn(warning);
  const missing = names.filter((name) => !keys.some((key) => key.name === name));
  for (const name of missing) output.warn(`${source}: there is no key "${name}"`);
  const chosen = keys.filter((key) => names.length === 0 || names.includes(key.name));
  if (chosen.length === 0) throw new CommandError('NOT_FOUND', `${source}: there is no key to call with`);
  const progress = await output.progress('verify keys');
  const results = await verifyAll(chosen, timeoutMs, progress).finally(() => progress.end());
  output.result(results, table(results));
  // A key whose variable is not set was left out: it does not work either.
  const leftOut = warnings.some((warning) => /is left out/u.test(warning));
  return missing.length === 0 && !leftOut && results.every(({ ok }) => ok) ? 0 : 1;
}

/** Calls the model with each key as the scheduler does, a few at a time; results in the order of the keys. */
async function verifyAll(keys: readonly KeySpec[], timeoutMs: number, progress: Progress): Promise<Verified[]> {
  const jpeg = await testPicture();
  const client = createVlmClient();
  const results: Verified[] = [];
  let next = 0;
  let done = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < keys.length; index = next++) {
      const key = keys[index];
      if (key !== undefined) results[index] = await verifyOne(client, key, jpeg, timeoutMs);
      done += 1;
      progress.at(done / keys.length, `verified ${done} of ${keys.length} keys`);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, worker));
  return results;
}

/** A drawing of two cars on a road, of a size that every provider accepts. */
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

/** A task as for a picture handed in: one group, nothing measured. */
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

/** Repeats the call, as the scheduler does, each time the provider made the client leave a parameter out. */
async function verifyOne(client: VlmClient, key: KeySpec, jpeg: Buffer, timeoutMs: number): Promise<Verified> {
  const task = testTask(timeoutMs);
  const access = { ...key, keyName: key.name };
  const began = performance.now();
  for (let calls = 1; ; calls += 1) {
    const reply = await client.call({
      access,
      prompt: buildPrompt(task, 'en'),
      pictures: [{ jpeg, caption: '' }],
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
        message: 'the answer names no known level',
      };
    return { ...head, ...figures, result: reply.failure.kind, ok: false, message: explained(reply.failure) };
  }
}

/** Why the key does not work, and what may help. */
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
    ...adapted.map(({ key, adaptations }) => `${key}: works, with adapted calls: ${adaptations.join(', ')}`),
    ...failed.map(({ key, message }) => `${key}: ${message ?? 'failed'}`),
    failed.length === 0 ? `all ${results.length} keys work` : `${failed.length} of ${results.length} keys do not work`,
  ].join('\n');
}
