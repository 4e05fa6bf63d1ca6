import type { AccessUnit, VideoCodec } from '../../src/video/access-unit.ts';

/** A unit without meaning, of a time in ms. */
export const unitAt = (
  at: number,
  { isKey = false, bytes = 10, codec = 'h264' }: { isKey?: boolean; bytes?: number; codec?: VideoCodec } = {},
): AccessUnit => ({ codec, data: new Uint8Array(bytes), isKey, at, pts: at * 90 });
