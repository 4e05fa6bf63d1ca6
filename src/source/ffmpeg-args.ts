/** `keyframes` skips all other pictures and is five times cheaper; `all` is needed when keyframes are too rare. */
export type DecodeMode = 'keyframes' | 'all';

/** 8K (8192 x 4320) and a little more; a decoder holds up to 16 such pictures of 57 MB. */
const MAX_PIXELS = 8_192 * 4_608;
/** Of a scaled picture: one much higher than wide is made narrower than `maxWidth`. */
const MAX_HEIGHT = 4_096;
/** Largest single allocation of ffmpeg, in bytes. */
const MAX_ALLOC = 256 * 1024 * 1024;
/** A camera has one to four streams. */
const MAX_STREAMS = 16;

export interface DecodeOptions {
  /** The relay's local URL, without a password. */
  readonly url: string;
  readonly mode: DecodeMode;
  /** Seconds between pictures. */
  readonly intervalSeconds: number;
  /** Wider pictures are scaled down to this, in px, keeping their aspect ratio. */
  readonly maxWidth: number;
  /** How long the relay may take to answer, in seconds. */
  readonly timeoutSeconds: number;
  /** File descriptor for the live preview: the stream, copied, as MPEG-TS; null for none. */
  readonly previewFd: number | null;
}

/**
 * Arguments of a camera's one ffmpeg: RTSP over TCP in, sampled PPM pictures on standard output. `select` samples by
 * stream time and, unlike `fps`, never repeats a picture; a picture may come a tenth of the interval early, for jitter.
 * A hostile stream is bounded: ffmpeg opens nothing but TCP, and pictures, memory and streams have limits.
 */
export function ffmpegArgs(options: DecodeOptions): string[] {
  const { url, mode, intervalSeconds, maxWidth, timeoutSeconds, previewFd } = options;
  const gap = (intervalSeconds * 0.9).toFixed(3);
  const sample = `select='isnan(prev_selected_t)+gte(t-prev_selected_t,${gap})'`;
  const scale = `scale='max(2,min(min(${maxWidth},iw),trunc(iw*${MAX_HEIGHT}/ih)))':-2`;
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'warning', '-max_alloc', String(MAX_ALLOC)];
  const transport = [
    '-protocol_whitelist',
    'tcp',
    '-rtsp_transport',
    'tcp',
    '-timeout',
    String(Math.round(timeoutSeconds * 1e6)),
  ];
  const bounds = ['-max_pixels', String(MAX_PIXELS), '-max_streams', String(MAX_STREAMS)];
  // Start with the first usable picture instead of studying the stream for seconds.
  const early = ['-fflags', 'nobuffer', '-flags', 'low_delay', '-analyzeduration', '1000000', '-probesize', '1000000'];
  const decode = mode === 'keyframes' ? ['-skip_frame', 'nokey', '-threads', '1'] : ['-threads', '1'];
  const video = ['-map', '0:v:0'];
  const pictures = [
    ...video,
    '-vf',
    `${sample},${scale}`,
    '-fps_mode',
    'passthrough',
    '-threads',
    '1',
    '-c:v',
    'ppm',
    '-f',
    'image2pipe',
    'pipe:1',
  ];
  const preview = previewFd === null ? [] : [...video, '-c:v', 'copy', '-f', 'mpegts', `pipe:${previewFd}`];
  return [...quiet, ...transport, ...bounds, ...early, ...decode, '-f', 'rtsp', '-i', url, ...pictures, ...preview];
}
