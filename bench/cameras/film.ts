/**
 * The film of the cameras: the demo's street clip as a camera sends it, 1280x720, 25 pictures and one keyframe a
 * second, 1.5 Mbit/s, H.264 without B frames. Made once, kept in the cache.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../src/provision/command.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { buildAtomically, CACHE_DIR } from '../../src/provision/folders.ts';
import { ensureDemoFootage } from '../../src/provision/footage.ts';
import { FILM_FRAMES, FPS, GOP } from './loop.ts';

export const WIDTH = 1_280;
export const HEIGHT = 720;
const KBITS = 1_500;
/** Of an RTP packet, header excluded: fits an Ethernet frame. */
const MOST_PAYLOAD = 1_400;
const RTP_HEAD = 12;
const INTERLEAVED_HEAD = 4;
const PAYLOAD_TYPE = 96;
const CLOCK_HZ = 90_000;
const SSRC = 0x0be0_0c4a;
const MAKE_TIMEOUT_MS = 180_000;

const NAL_SLICE = 1;
const NAL_IDR = 5;
const NAL_SPS = 7;
const NAL_PPS = 8;

/** One picture: its interleaved RTP packets (RFC 2326 10.12, RFC 6184) one after the other. */
export class FilmFrame {
  readonly isKeyframe: boolean;
  readonly packets: Buffer;
  /** Offsets of the RTP headers in `packets`. */
  readonly #heads: readonly number[];
  readonly #index: number;
  readonly #firstSequence: number;
  #loop = -1;

  constructor(nals: readonly Buffer[], index: number, firstSequence: number) {
    const payloads = nals.flatMap(payloadsOf);
    const size = RTP_HEAD + INTERLEAVED_HEAD;
    const heads: number[] = [];
    const parts: Buffer[] = [];
    let at = 0;
    for (const [nth, payload] of payloads.entries()) {
      parts.push(packetHead(payload.length, nth === payloads.length - 1), payload);
      heads.push(at + INTERLEAVED_HEAD);
      at += size + payload.length;
    }
    this.packets = Buffer.concat(parts);
    this.isKeyframe = nals.some((nal) => typeOf(nal) === NAL_IDR);
    this.#heads = heads;
    this.#index = index;
    this.#firstSequence = firstSequence;
  }

  get count(): number {
    return this.#heads.length;
  }

  /** Writes sequence numbers and times of this loop of the film, of `packetsPerLoop` packets, into `packets`. */
  prepare(loop: number, packetsPerLoop: number): Buffer {
    if (loop !== this.#loop) {
      this.#loop = loop;
      const time = ((loop * FILM_FRAMES + this.#index) * (CLOCK_HZ / FPS)) % 2 ** 32;
      for (const [nth, head] of this.#heads.entries()) {
        this.packets.writeUInt16BE((loop * packetsPerLoop + this.#firstSequence + nth) & 0xffff, head + 2);
        this.packets.writeUInt32BE(time, head + 4);
      }
    }
    return this.packets;
  }
}

export interface Film {
  readonly frames: readonly FilmFrame[];
  readonly packets: number;
  readonly sdp: string;
}

/** Path of the film as an H.264 elementary stream. */
export async function ensureFilm(onProgress: (message: string) => void): Promise<string> {
  const target = join(CACHE_DIR, 'bench', `street-${WIDTH}x${HEIGHT}-${KBITS}k-${FILM_FRAMES}.h264`);
  if (existsSync(target)) return target;
  const { path: ffmpeg } = await findFfmpeg();
  const clip = await ensureDemoFootage({ ffmpeg, onProgress });
  onProgress(`making the film of the cameras, ${FILM_FRAMES / FPS} s (once) ...`);
  await buildAtomically(target, async (partial) => {
    const args = ['-v', 'error', '-nostdin', '-y', '-i', clip, ...ENCODING.split(' '), partial];
    const { code, stderr } = await runProgram(ffmpeg, args, { timeoutMs: MAKE_TIMEOUT_MS });
    if (code !== 0) throw new Error(`ffmpeg could not make the film: ${stderr}`);
  });
  return target;
}

/** From 4:3 to 16:9 by a cut, so that road users keep their shape. */
const ENCODING =
  `-vf crop=iw:iw*9/16,scale=${WIDTH}:${HEIGHT},fps=${FPS} -frames:v ${FILM_FRAMES} ` +
  `-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 0 -g ${GOP} -keyint_min ${GOP} -sc_threshold 0 ` +
  `-b:v ${KBITS}k -maxrate ${KBITS}k -bufsize ${KBITS}k -f h264`;

export async function readFilm(file: string): Promise<Film> {
  return cutFilm(await readFile(file));
}

/** Cuts an H.264 elementary stream (ITU-T H.264, annex B) into pictures and their packets. */
export function cutFilm(stream: Buffer): Film {
  const pictures = picturesOf(nalsOf(stream));
  const all = pictures.flat();
  const sps = all.find((nal) => typeOf(nal) === NAL_SPS);
  const pps = all.find((nal) => typeOf(nal) === NAL_PPS);
  if (sps === undefined || pps === undefined) throw new Error('the film has no parameter sets');
  let packets = 0;
  const frames = pictures.map((nals, index) => {
    const frame = new FilmFrame(nals, index, packets);
    packets += frame.count;
    return frame;
  });
  return { frames, packets, sdp: sdpOf(sps, pps) };
}

const typeOf = (nal: Buffer): number => (nal[0] ?? 0) & 0x1f;

/** The NAL units between start codes of three bytes; zero bytes before a start code belong to it. */
function nalsOf(stream: Buffer): Buffer[] {
  const startCode = Buffer.from([0, 0, 1]);
  const nals: Buffer[] = [];
  let from = stream.indexOf(startCode);
  while (from !== -1) {
    const next = stream.indexOf(startCode, from + 3);
    let end = next === -1 ? stream.length : next;
    while (end > from + 3 && stream[end - 1] === 0) end -= 1;
    if (end > from + 3) nals.push(stream.subarray(from + 3, end));
    from = next;
  }
  return nals;
}

/** A picture ends before the next one's parameter sets or its first slice. */
function picturesOf(nals: readonly Buffer[]): Buffer[][] {
  const pictures: Buffer[][] = [];
  let current: Buffer[] = [];
  let hasSlice = false;
  for (const nal of nals) {
    const isSlice = typeOf(nal) === NAL_SLICE || typeOf(nal) === NAL_IDR;
    // `first_mb_in_slice` is 0 when the first bit of its Exp-Golomb code is set.
    if (hasSlice && (!isSlice || ((nal[1] ?? 0) & 0x80) !== 0)) {
      pictures.push(current);
      current = [];
      hasSlice = false;
    }
    current.push(nal);
    hasSlice ||= isSlice;
  }
  return hasSlice ? [...pictures, current] : pictures;
}

/** A NAL unit as one packet, or in pieces as FU-A (RFC 6184 5.8). */
function payloadsOf(nal: Buffer): Buffer[] {
  if (nal.length <= MOST_PAYLOAD) return [nal];
  const head = nal[0] ?? 0;
  const payloads: Buffer[] = [];
  for (let from = 1; from < nal.length; from += MOST_PAYLOAD - 2) {
    const to = Math.min(nal.length, from + MOST_PAYLOAD - 2);
    const fragment = (head & 0x1f) | (from === 1 ? 0x80 : 0) | (to === nal.length ? 0x40 : 0);
    payloads.push(Buffer.concat([Buffer.of((head & 0xe0) | 28, fragment), nal.subarray(from, to)]));
  }
  return payloads;
}

/** `$`, channel 0, length, and an RTP header without sequence number and time. */
function packetHead(payload: number, isLast: boolean): Buffer {
  const head = Buffer.alloc(INTERLEAVED_HEAD + RTP_HEAD);
  head.writeUInt8(0x24, 0);
  head.writeUInt16BE(RTP_HEAD + payload, 2);
  head.writeUInt8(0x80, INTERLEAVED_HEAD);
  head.writeUInt8(PAYLOAD_TYPE | (isLast ? 0x80 : 0), INTERLEAVED_HEAD + 1);
  head.writeUInt32BE(SSRC, INTERLEAVED_HEAD + 8);
  return head;
}

const sdpOf = (sps: Buffer, pps: Buffer): string =>
  [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=bench',
    't=0 0',
    'a=control:*',
    `m=video 0 RTP/AVP ${PAYLOAD_TYPE}`,
    'c=IN IP4 0.0.0.0',
    `a=rtpmap:${PAYLOAD_TYPE} H264/${CLOCK_HZ}`,
    `a=fmtp:${PAYLOAD_TYPE} packetization-mode=1;profile-level-id=${sps.toString('hex', 1, 4)};` +
      `sprop-parameter-sets=${sps.toString('base64')},${pps.toString('base64')}`,
    'a=control:track1',
    '',
  ].join('\r\n');
