/** JPEGs that say in a comment which frame and group they show, so that the provider can answer the truth. */
import type { ChatRequest } from '../../src/simulator/request.ts';
import type { TrueLevel } from './world.ts';

export interface Shown {
  readonly camera: number;
  readonly groupId: string;
  /** The frame's own time, epoch ms. */
  readonly at: number;
  readonly truth: TrueLevel;
}

const MARK = 'gantry-scarcity ';
/** A JPEG begins with SOI (FF D8); a comment is FF FE, its length with the two bytes of the length, and its text. */
const SOI_BYTES = 2;
const COMMENT = 0xff_fe;
const LENGTH_BYTES = 2;

export function withComment(jpeg: Buffer, shown: Shown): Buffer {
  const text = Buffer.from(MARK + JSON.stringify(shown));
  const head = Buffer.alloc(2 + LENGTH_BYTES);
  head.writeUInt16BE(COMMENT, 0);
  head.writeUInt16BE(text.length + LENGTH_BYTES, 2);
  return Buffer.concat([jpeg.subarray(0, SOI_BYTES), head, text, jpeg.subarray(SOI_BYTES)]);
}

/** The newest moment in a request's pictures, whatever their order; null when none of them says. */
export function shownIn({ messages }: ChatRequest): Shown | null {
  const found = messages
    .flatMap(({ content }) => (typeof content === 'string' ? [] : content))
    .flatMap((part) => (part.type === 'image_url' ? (commentOf(part.image_url.url) ?? []) : []));
  return found.toSorted((a, b) => b.at - a.at)[0] ?? null;
}

function commentOf(url: string): Shown | null {
  const bytes = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
  const start = bytes.indexOf(MARK);
  if (start < SOI_BYTES + LENGTH_BYTES) return null;
  const length = bytes.readUInt16BE(start - LENGTH_BYTES) - LENGTH_BYTES;
  return JSON.parse(bytes.toString('utf8', start + MARK.length, start + length));
}
