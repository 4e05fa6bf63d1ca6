import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ObjectClass } from '../messages/detection.ts';
import type { LocatedModel } from '../messages/model.ts';
import { readWhole } from '../storage/files.ts';
import { parseJson } from '../storage/json.ts';
import { StorageError } from '../storage/storage-error.ts';
import { foundShare } from './agreement.ts';

/** Least part of the float network's detections that its 8-bit variant must find to be used. */
export const LEAST_FOUND = 0.97;
/** Grows with each change of the network that is made, so that an older one is made anew. */
export const RECIPE = 1;

const Count = z.int().min(0);
const Milliseconds = z.number().min(0);

/** The figures of an 8-bit variant, kept beside it. */
export const Int8Record = z.strictObject({
  recipe: z.literal(RECIPE),
  /** Of the float network and of its variant. */
  floatSha256: z.string(),
  int8Sha256: z.string(),
  /** Pictures of the demo footage that the ranges are from, and others that the two were compared on. */
  calibratedOn: Count,
  comparedOn: Count,
  classes: z.array(z.strictObject({ class: ObjectClass, float: Count, int8: Count, found: Count })).max(100),
  /** Median time of a detection on one thread, the picture's preparation included. */
  floatMs: Milliseconds,
  int8Ms: Milliseconds,
});
export type Int8Record = z.infer<typeof Int8Record>;

export const int8Path = ({ path }: LocatedModel): string => `${path.replace(/\.onnx$/, '')}.int8.onnx`;
export const recordPath = ({ path }: LocatedModel): string => `${path.replace(/\.onnx$/, '')}.int8.json`;

const MAX_RECORD = 64 * 1024;

/** The record of a model's 8-bit variant; null when there is none, or none of this model as it is now. */
export async function readRecord(model: LocatedModel): Promise<Int8Record | null> {
  try {
    const text = await readWhole(recordPath(model), MAX_RECORD);
    if (text === null) return null;
    const parsed = Int8Record.safeParse(parseJson(text, recordPath(model), { maxLength: MAX_RECORD, maxParts: 2_000 }));
    if (!parsed.success) return null;
    const { floatSha256, int8Sha256 } = parsed.data;
    const isWhole = (await sha256Of(model.path)) === floatSha256 && (await sha256Of(int8Path(model))) === int8Sha256;
    return isWhole ? parsed.data : null;
  } catch (error) {
    // A damaged record is made anew.
    if (error instanceof StorageError && error.code !== 'NOT_READABLE') return null;
    throw error;
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function sha256Of(path: string): Promise<string | null> {
  try {
    return sha256(await readFile(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** The reason not to use the variant; null when it is as good and faster. */
export function objection({ classes, floatMs, int8Ms }: Int8Record): string | null {
  const found = foundShare(classes);
  if (found < LEAST_FOUND)
    return `it finds ${percent(found)} of the float network's detections again, less than ${percent(LEAST_FOUND)}`;
  if (int8Ms >= floatMs) return `it isn't faster on this machine: ${int8Ms} ms in place of ${floatMs} ms`;
  return null;
}

/** A line of figures for people. */
export function describeRecord({ classes, floatMs, int8Ms, comparedOn }: Int8Record): string {
  const each = classes.map(({ class: name, float, int8, found }) => `${name} ${found} of ${float} (${int8} in all)`);
  return (
    `8-bit detector: finds ${percent(foundShare(classes))} of the float one's detections in ${comparedOn} pictures ` +
    `(${each.join(', ')}), in ${int8Ms} ms in place of ${floatMs} ms`
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** The model's 8-bit variant; `modelType` of its detections ends in `-int8`. */
export const int8Variant = (model: LocatedModel): LocatedModel => ({
  ...model,
  name: `${model.name.slice(0, 59)}-int8`,
  path: int8Path(model),
});
