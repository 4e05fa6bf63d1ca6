/** Size of a picture in px. */
export interface VideoSize {
  readonly width: number;
  readonly height: number;
}

/** Bytes of an MPEG-TS packet (ISO/IEC 13818-1). */
export const TS_PACKET = 188;
/** First byte of each packet. */
export const TS_SYNC = 0x47;

/** Cuts a byte stream of MPEG-TS at packet boundaries, so that a chunk can be skipped without tearing a packet. */
export class TsAligner {
  #rest: Buffer = Buffer.alloc(0);

  /** The whole packets received so far; null when there is none. */
  push(chunk: Buffer): Buffer | null {
    const all = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const whole = all.byteLength - (all.byteLength % TS_PACKET);
    this.#rest = all.subarray(whole);
    return whole === 0 ? null : all.subarray(0, whole);
  }
}

/** The first message of a JSMpeg stream: `jsmp`, width and height as 16-bit big-endian numbers. */
export function jsmpegHeader(size: VideoSize): Buffer {
  const header = Buffer.alloc(8);
  header.write('jsmp', 0, 'latin1');
  header.writeUInt16BE(size.width, 4);
  header.writeUInt16BE(size.height, 6);
  return header;
}

/** Width and height of the output, as ffmpeg prints them before its first byte; null until then. */
export function videoSize(stderr: string): VideoSize | null {
  const found = /Video: mpeg1video[^\n]*? (\d{2,5})x(\d{2,5})/u.exec(stderr);
  return found === null ? null : { width: Number(found[1]), height: Number(found[2]) };
}
