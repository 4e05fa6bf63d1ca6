import { RtspSyntaxError } from './rtsp-reader.ts';

/** Media of one description. Cameras have one to four. */
const MAX_MEDIA = 16;
/** Longer lines are dropped. The longest needed, parameter sets of a codec, have a few hundred characters. */
const MAX_LINE = 8 * 1024;
const ABSOLUTE = /^rtsps?:\/\//iu;

export interface LocalDescription {
  /** The description with every control URL made local. */
  readonly sdp: string;
  /** The camera's URL for PLAY and TEARDOWN. */
  readonly aggregate: string;
  /** The camera's URL for SETUP of each medium, in order. */
  readonly tracks: readonly string[];
}

/**
 * Rewrites a camera's description for our own ffmpeg: the control URLs become `local`, `local/0`, `local/1` ... A
 * relative control URL is joined to the base with a slash, as ffmpeg does and cameras expect.
 *
 * @param base Content-Base of the reply, or the URL that was described
 * @throws {RtspSyntaxError} for more than 16 media
 */
export function localDescription(sdp: string, base: string, local: string): LocalDescription {
  const lines = sdp.split(/\r\n|\r|\n/u).filter((line) => line !== '' && line.length <= MAX_LINE);
  const media = lines.flatMap((line, at) => (line.startsWith('m=') ? [at] : []));
  if (media.length > MAX_MEDIA)
    throw new RtspSyntaxError(`a description of ${media.length} media; at most ${MAX_MEDIA} are accepted`);
  const session = lines.slice(0, media[0] ?? lines.length);
  const control = controlOf(session);
  const aggregate = control !== null && ABSOLUTE.test(control) ? control : base;
  const sections = media.map((from, index) => lines.slice(from, media[index + 1] ?? lines.length));
  const tracks = sections.map((section) => trackOf(controlOf(section), aggregate));
  const out = [
    ...withoutControl(session),
    `a=control:${local}`,
    ...sections.flatMap((section, index) => [...withoutControl(section), `a=control:${local}/${index}`]),
    '',
  ];
  return { sdp: out.join('\r\n'), aggregate, tracks };
}

const withoutControl = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => !/^a=control:/iu.test(line));

function controlOf(lines: readonly string[]): string | null {
  const line = lines.find((each) => /^a=control:/iu.test(each));
  const value = line?.slice('a=control:'.length).trim() ?? '';
  return value === '' || /\s/u.test(value) ? null : value;
}

function trackOf(control: string | null, aggregate: string): string {
  if (control === null || control === '*') return aggregate;
  if (ABSOLUTE.test(control)) return control;
  return aggregate.endsWith('/') ? `${aggregate}${control}` : `${aggregate}/${control}`;
}
