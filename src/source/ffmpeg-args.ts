/** `keyframes` decodes one picture in many and is five times cheaper; `all` is needed when keyframes are too rare. */
export type DecodeMode = 'keyframes' | 'all';

export interface DecodeOptions {
  readonly url: string;
  readonly mode: DecodeMode;
  /** Seconds between pictures. */
  readonly intervalSeconds: number;
  /** Pictures wider than this are scaled down, keeping their shape. */
  readonly maxWidth: number;
  /** Socket time-out in seconds. */
  readonly timeoutSeconds: number;
  /** Local UDP port that gets the stream, copied, as MPEG-TS for the live preview; null for none. */
  readonly previewPort: number | null;
}

/**
 * Arguments of a camera's one ffmpeg: RTSP over TCP in, sampled PPM pictures on standard output. `select` samples by
 * stream time and, other than `fps`, never repeats a picture. A tenth of the interval is given back to frame timing.
 */
export function ffmpegArgs(options: DecodeOptions): string[] {
  const { url, mode, intervalSeconds, maxWidth, timeoutSeconds, previewPort } = options;
  const gap = (intervalSeconds * 0.9).toFixed(3);
  const sample = `select='isnan(prev_selected_t)+gte(t-prev_selected_t,${gap})'`;
  const scale = `scale='min(${maxWidth},iw)':-2`;
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'warning'];
  const transport = ['-rtsp_transport', 'tcp', '-timeout', String(Math.round(timeoutSeconds * 1e6))];
  // Start with the first usable picture instead of studying the stream for seconds.
  const early = ['-fflags', 'nobuffer', '-flags', 'low_delay', '-analyzeduration', '1000000', '-probesize', '1000000'];
  const decode = mode === 'keyframes' ? ['-skip_frame', 'nokey', '-threads', '1'] : ['-threads', '1'];
  const video = ['-map', '0:v:0'];
  const pictures = [...video, '-vf', `${sample},${scale}`, '-fps_mode', 'passthrough', '-threads', '1', '-c:v', 'ppm', '-f', 'image2pipe', 'pipe:1'];
  const preview = previewPort === null ? [] : [...video, '-c:v', 'copy', '-f', 'mpegts', `udp://127.0.0.1:${previewPort}?pkt_size=1316`];
  return [...quiet, ...transport, ...early, ...decode, '-i', url, ...pictures, ...preview];
}
