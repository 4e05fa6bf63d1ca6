import { TS_PACKET } from '../../src/http/preview/mpegts.ts';

export const VIDEO_PID = 0x100;
const PMT_PID = 0x1000;
export const H264 = 0x1b;
export const H265 = 0x24;

function packet(pid: number, { start = false, key = false }, payload: readonly number[]): Buffer {
  const made = Buffer.alloc(TS_PACKET, 0xff);
  made[0] = 0x47;
  made.writeUInt16BE(pid | (start ? 0x4000 : 0), 1);
  made[3] = key ? 0x30 : 0x10;
  // One byte of flags: the random access indicator.
  const head = key ? [1, 0x40] : [];
  Buffer.from([...head, ...payload]).copy(made, 4);
  return made;
}

/** A section as a packet's payload; its CRC is not checked by players, so it is left empty. */
const section = (table: number, body: readonly number[]): readonly number[] => [
  0, // it begins at once
  table,
  0xb0,
  body.length + 9,
  0,
  1,
  0xc1,
  0,
  0,
  ...body,
  0,
  0,
  0,
  0,
];

/** PAT and PMT of one program with one stream of this type, a packet each. */
export const tables = (type: number): Buffer =>
  Buffer.concat([
    packet(0, { start: true }, section(0x00, [0, 1, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff])),
    packet(
      PMT_PID,
      { start: true },
      section(0x02, [0xe1, 0x00, 0xf0, 0, type, 0xe0 | (VIDEO_PID >> 8), VIDEO_PID & 0xff, 0xf0, 0]),
    ),
  ]);

/** First packet of a keyframe, marked with a number. */
export const keyPacket = (mark: number): Buffer => packet(VIDEO_PID, { start: true, key: true }, [0, 0, 1, 0xe0, mark]);
/** A packet of any other picture. */
export const otherPacket = (mark: number): Buffer => packet(VIDEO_PID, { start: true }, [0, 0, 1, 0xe0, mark]);
