import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_CODEC_FLAG_OUTPUT_CORRUPT,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_MJPEG,
  AVERROR_EAGAIN,
  FF_DECODE_ERROR_CONCEALMENT_ACTIVE,
  FF_DECODE_ERROR_DECODE_SLICES,
  FF_DECODE_ERROR_INVALID_BITSTREAM,
} from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet } from 'node-av/lib';
import type { VideoCodec } from '../video/access-unit.ts';
import { isPlausible, MAX_CODED_PIXELS } from './picture-geometry.ts';

const CODEC_IDS = { h264: AV_CODEC_ID_H264, h265: AV_CODEC_ID_HEVC, mjpeg: AV_CODEC_ID_MJPEG } as const;
/**
 * Damage that FFmpeg tells of, which it does for H.264 only. A missing reference is no damage of the picture itself:
 * streams may begin at an open group of pictures.
 */
const DAMAGE = FF_DECODE_ERROR_INVALID_BITSTREAM | FF_DECODE_ERROR_DECODE_SLICES | FF_DECODE_ERROR_CONCEALMENT_ACTIVE;

export interface DecodedFrames {
  /** Called with each picture; valid until it returns. */
  onFrame(index: number, frame: Frame): void;
  /** A picture is damaged or could not be decoded. */
  onDamage(index: number, reason: string): void;
}

/** One decoder of FFmpeg with its reference pictures. */
export class CodecState {
  readonly codec: VideoCodec;
  /** Indices of the job's pictures that are to come. */
  readonly awaited = new Set<number>();
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  /** Times of presentation count the units of all jobs, so that a late picture of an earlier job is known as such. */
  #jobBegan = 0;
  #next = 0;

  /** Throws when FFmpeg cannot open the decoder. */
  constructor(codec: VideoCodec) {
    this.codec = codec;
    const implementation = Codec.findDecoder(CODEC_IDS[codec]);
    if (implementation === null) throw new Error(`no decoder for ${codec}`);
    this.#context.allocContext3(implementation);
    this.#context.threadCount = 1;
    // A picture comes out with its own bytes; those that are not quite sound are judged here.
    this.#context.setFlags(AV_CODEC_FLAG_LOW_DELAY, AV_CODEC_FLAG_OUTPUT_CORRUPT);
    this.#context.setOption('max_pixels', String(MAX_CODED_PIXELS));
    // A JPEG that ends early would come out with grey instead of an error.
    if (codec === 'mjpeg') this.#context.setOption('err_detect', 'explode');
    const failed = this.#context.open2Sync(implementation, null);
    this.#packet.alloc();
    this.#frame.alloc();
    if (failed < 0) throw new Error(`the decoder for ${codec} cannot be opened (${failed})`);
  }

  /** Decodes one unit of a job, from index 0. Pictures come with the index of their own, perhaps earlier, unit. */
  decode(index: number, data: Uint8Array, out: DecodedFrames): void {
    if (index === 0) this.#jobBegan = this.#next;
    this.#next = this.#jobBegan + index + 1;
    this.#packet.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#packet.pts = BigInt(this.#jobBegan + index);
    let sent = this.#context.sendPacketSync(this.#packet);
    if (sent === AVERROR_EAGAIN) {
      this.#receive(out);
      sent = this.#context.sendPacketSync(this.#packet);
    }
    this.#packet.unref();
    if (sent < 0) out.onDamage(index, `the coded picture is damaged (${sent})`);
    this.#receive(out);
  }

  /** Brings out the pictures that are held back. All state is gone afterwards. */
  drain(out: DecodedFrames): void {
    this.#context.sendPacketSync(null);
    this.#receive(out);
    this.flush();
  }

  /** Forgets all state, for another stream. */
  flush(): void {
    this.#context.flushBuffers();
  }

  free(): void {
    this.#context.freeContext();
    this.#packet.free();
    this.#frame.free();
  }

  #receive(out: DecodedFrames): void {
    for (;;) {
      const received = this.#context.receiveFrameSync(this.#frame);
      // Damage that `send` told is met again here, and does not end the queue of pictures.
      if (received < 0) return;
      const index = Number(this.#frame.pts) - this.#jobBegan;
      const { width, height } = this.#frame;
      if (!isPlausible(this.#frame)) out.onDamage(index, `a picture of ${width}x${height} px, no camera's size`);
      else if ((this.#frame.decodeErrorFlags & DAMAGE) !== 0) out.onDamage(index, 'parts of the picture are missing');
      else out.onFrame(index, this.#frame);
      this.#frame.unref();
    }
  }
}
