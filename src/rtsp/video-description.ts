import type { VideoCodec } from '../video/access-unit.ts';
import { TICKS_PER_SECOND } from '../video/access-unit.ts';
import { RtspSyntaxError } from './wire-reader.ts';

/** The video track of a description (SDP, RFC 8866). */
export interface VideoTrack {
  readonly codec: VideoCodec;
  readonly payloadType: number;
  /** RTP ticks a second. */
  readonly clockRate: number;
  /** Parameters of the format, and the sizes that some cameras give for JPEG. Names in lower case. */
  readonly fmtp: ReadonlyMap<string, string>;
}

export interface VideoDescription {
  readonly track: VideoTrack;
  /** URL for SETUP. */
  readonly control: string;
  /** URL for PLAY, TEARDOWN and keep-alives. */
  readonly aggregate: string;
}

/** Media of one description. Cameras have one to four. */
const MAX_MEDIA = 16;
/** Longer lines are dropped. The longest needed, parameter sets, have a few hundred characters. */
const MAX_LINE = 16 * 1024;
const MAX_URL = 4_096;
const ABSOLUTE = /^rtsps?:\/\/\S+$/iu;
const CODECS: Readonly<Record<string, VideoCodec>> = { h264: 'h264', h265: 'h265', hevc: 'h265', jpeg: 'mjpeg' };
/** RFC 3551: needs no `a=rtpmap`. */
const STATIC_JPEG = 26;

/**
 * The first video track of a known codec.
 *
 * @param base URL that relative control URLs refer to
 * @returns the names of the codecs that it offers instead when none is known
 * @throws {RtspSyntaxError} for more than 16 media
 */
export function readDescription(sdp: string, base: string): VideoDescription | readonly string[] {
  const lines = sdp.split(/\r\n|\r|\n/u).filter((line) => line !== '' && line.length <= MAX_LINE);
  const starts = lines.flatMap((line, at) => (line.startsWith('m=') ? [at] : []));
  if (starts.length > MAX_MEDIA)
    throw new RtspSyntaxError(`a description of ${starts.length} media; at most ${MAX_MEDIA} are accepted`);
  const control = attribute(lines.slice(0, starts[0] ?? lines.length), 'control');
  const aggregate = control !== null && isUrl(control) ? control : base;
  const others: string[] = [];
  for (const [index, start] of starts.entries()) {
    const section = lines.slice(start, starts[index + 1] ?? lines.length);
    if (!/^m=video /iu.test(section[0] ?? '')) continue;
    const track = trackOf(section, others);
    if (track !== null) return { track, control: controlUrl(attribute(section, 'control'), aggregate), aggregate };
  }
  return others;
}

function trackOf(section: readonly string[], others: string[]): VideoTrack | null {
  const types = (section[0] ?? '').split(/\s+/u).slice(3, 3 + MAX_MEDIA);
  for (const type of types) {
    if (!/^\d{1,3}$/u.test(type) || Number(type) > 127) continue;
    const [name = '', rate] = (forType(section, 'rtpmap', type) ?? '').split('/');
    const codec = CODECS[name.trim().toLowerCase()] ?? (name === '' && Number(type) === STATIC_JPEG ? 'mjpeg' : null);
    if (codec === null) {
      others.push(name === '' ? `payload type ${type}` : name.trim().slice(0, 20));
      continue;
    }
    const clockRate = /^\d{3,7}$/u.test(rate?.trim() ?? '') ? Number(rate) : TICKS_PER_SECOND;
    return { codec, payloadType: Number(type), clockRate, fmtp: parametersOf(section, type) };
  }
  return null;
}

function parametersOf(section: readonly string[], type: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const part of (forType(section, 'fmtp', type) ?? '').split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim());
  }
  for (const name of ['framesize', 'x-dimensions']) {
    const value = attribute(section, name);
    if (value !== null) parameters.set(name, value);
  }
  return parameters;
}

/** The value of `a=name:value`; null when there is none. */
function attribute(lines: readonly string[], name: string): string | null {
  const start = `a=${name}:`;
  const line = lines.find((each) => each.slice(0, start.length).toLowerCase() === start);
  return line?.slice(start.length).trim() ?? null;
}

/** The value of `a=name:type value`. */
function forType(lines: readonly string[], name: string, type: string): string | null {
  const start = `a=${name}:`;
  for (const line of lines) {
    if (line.slice(0, start.length).toLowerCase() !== start) continue;
    const [of = '', ...rest] = line.slice(start.length).trim().split(/\s+/u);
    if (of === type) return rest.join(' ');
  }
  return null;
}

const isUrl = (text: string): boolean => text.length <= MAX_URL && ABSOLUTE.test(text);

/** A relative URL is appended to the base, also after a query, as cameras expect it. */
function controlUrl(control: string | null, aggregate: string): string {
  if (control === null || control === '' || control === '*' || /\s/u.test(control)) return aggregate;
  if (isUrl(control)) return control;
  const slash = aggregate.endsWith('/') || control.startsWith('/') ? '' : '/';
  const url = `${aggregate}${slash}${control}`;
  return url.length <= MAX_URL ? url : aggregate;
}
