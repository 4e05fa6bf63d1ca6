import { TEXTS, VALUES } from './hostile-values.ts';
import type { Random } from './random.ts';

/** The JSON texts that cost a reader the most for their size, each about `bytes` long, by name. */
export function hostileBodies(bytes: number): Readonly<Record<string, Uint8Array>> {
  const text = (value: string): Uint8Array => Buffer.from(value, 'utf8');
  const many = (count: number, of: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => of(index)).join(',');
  return {
    'wrong entries': text(`{"detectedObjects":[${many(Math.floor(bytes / 2), () => '1')}]}`),
    'empty objects': text(`{"trafficGroups":[${many(Math.floor(bytes / 3), () => '{}')}]}`),
    'a list of lists': text(`[${many(Math.floor(bytes / 3), () => '[]')}]`),
    'deep lists': text(`${'['.repeat(bytes / 2)}${']'.repeat(bytes / 2)}`),
    'deep objects': text(`${'{"a":'.repeat(bytes / 6)}1${'}'.repeat(bytes / 6)}`),
    'keys of its own in each object': text(`[${many(Math.floor(bytes / 14), (index) => `{"k${index}":1}`)}]`),
    'many keys': text(`{${many(Math.floor(bytes / 12), (index) => `"k${index}":1`)}}`),
    'one long text': text(`{"cameraId":"${'a'.repeat(bytes)}"}`),
    'one long time': text(`{"timestamp":"2026-01-01T00:00:00.${'0'.repeat(bytes)}Z"}`),
    'one long number': text(`{"frameNumber":${'9'.repeat(bytes)}}`),
    escapes: text(`{"cameraId":"${'\\u0000'.repeat(bytes / 6)}"}`),
    'no end': text(`{"cameraId":"${'\\"'.repeat(bytes / 2)}`),
    spaces: text(`${' '.repeat(bytes)}{}`),
    'not UTF-8': new Uint8Array(bytes).fill(0xff),
    zeros: new Uint8Array(bytes),
  };
}

/** `value` as JSON with one to three parts changed, left out, repeated or added; 15 % are no JSON any more. */
export function mutated(value: unknown, random: Random): Uint8Array {
  const copy: unknown = structuredClone(value);
  for (let times = 1 + random.below(3); times > 0; times -= 1) mutate(copy, random);
  const json = Buffer.from(JSON.stringify(copy), 'utf8');
  if (random.chance(0.85)) return json;
  const at = random.below(json.length);
  if (random.chance(0.5)) return json.subarray(0, at);
  json[at] = random.below(256);
  return json;
}

/** Longer than every bound of a field, and short enough for a thousand bodies. */
const LONGEST_TEXT = 5_000;

function mutate(value: unknown, random: Random): void {
  if (typeof value !== 'object' || value === null) return;
  const keys = Object.keys(value);
  const key = keys[random.below(keys.length)];
  if (key === undefined) return;
  const inner: unknown = Reflect.get(value, key);
  if (typeof inner === 'object' && inner !== null && random.chance(0.6)) mutate(inner, random);
  else if (random.chance(0.2)) Reflect.deleteProperty(value, key);
  else if (Array.isArray(value) && random.chance(0.3))
    value.push(...Array.from({ length: 1 + random.below(400) }, () => structuredClone(inner)));
  else
    Reflect.set(value, key, random.chance(0.5) ? random.pick(TEXTS)().slice(0, LONGEST_TEXT) : random.pick(VALUES)());
}
