import { BufferTarget, EncodedPacket, EncodedVideoPacketSource, Mp4OutputFormat, Output } from 'mediabunny';
import { type AccessUnit, TICKS_PER_SECOND, type VideoCodec } from './access-unit.ts';
import type { NalCodec } from './nal-units.ts';
import type { SequenceInfo } from './sequence-info.ts';
import { Timeline } from './timeline.ts';
import { VideoError } from './video-error.ts';

/** Seconds that the last picture is shown at most. */
const LONGEST_END = 1;

export interface Mp4Clip {
  readonly mp4: Uint8Array<ArrayBuffer>;
  readonly durationSeconds: number;
  /** Arrival of the first and the last picture in it, epoch ms. */
  readonly from: number;
  readonly to: number;
}

/** A picture with the time when it is shown, in ticks of 90 kHz from the first. */
interface Shown {
  readonly unit: AccessUnit;
  readonly pts: number;
}

/**
 * Copies access units, in decoding order, into an MP4 file that a browser can play while it loads. It begins at the
 * first keyframe, with time 0, and ends before a unit of another codec.
 *
 * @throws {VideoError} `NO_KEYFRAME`, `NO_PARAMETERS`, `NOT_IN_MP4`, `MUX_FAILED`
 */
export async function muxMp4(units: readonly AccessUnit[]): Promise<Mp4Clip> {
  const first = units.find((unit) => unit.isKey);
  if (first === undefined)
    throw new VideoError(
      'NO_KEYFRAME',
      `none of the ${units.length} pictures is a keyframe, so nothing can be decoded`,
    );
  const codec = nalCodec(first.codec);
  const { shown, info } = sequence(units.slice(units.indexOf(first)), first, new Timeline(codec));
  if (info === null)
    throw new VideoError('NO_PARAMETERS', `the ${codec} keyframe has no readable sequence parameter set`);
  try {
    return await write(codec, info, shown);
  } catch (error) {
    throw new VideoError('MUX_FAILED', `writing ${shown.length} pictures of ${info.codec} to an MP4 failed`, error);
  }
}

function nalCodec(codec: VideoCodec): NalCodec {
  if (codec !== 'mjpeg') return codec;
  throw new VideoError(
    'NOT_IN_MP4',
    'the camera sends single JPEGs (MJPEG), which browsers do not play from an MP4; set it to H.264 for clips',
  );
}

/** Without pictures that are shown before the first keyframe: they need pictures before it. */
function sequence(
  units: readonly AccessUnit[],
  first: AccessUnit,
  timeline: Timeline,
): { readonly shown: readonly Shown[]; readonly info: SequenceInfo | null } {
  const shown: Shown[] = [{ unit: first, pts: timeline.next(first).pts }];
  const { info } = timeline;
  let isLeading = true;
  for (const unit of units.slice(1)) {
    if (unit.codec !== first.codec) break;
    if (isLeading && !unit.isKey && unit.pts < first.pts) continue;
    isLeading = false;
    shown.push({ unit, pts: timeline.next(unit).pts });
  }
  return { shown, info };
}

async function write(codec: NalCodec, info: SequenceInfo, shown: readonly Shown[]): Promise<Mp4Clip> {
  const target = new BufferTarget();
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'in-memory' }), target });
  const source = new EncodedVideoPacketSource(codec === 'h264' ? 'avc' : 'hevc');
  output.addVideoTrack(source);
  await output.start();
  const meta = { decoderConfig: { codec: info.codec, ...sizesOf(info) } };
  const start = shown[0]?.pts ?? 0;
  const seconds = durations(shown.map(({ pts }) => pts - start));
  for (const [index, { unit, pts }] of shown.entries()) {
    const kind = unit.isKey ? 'key' : 'delta';
    const packet = new EncodedPacket(unit.data, kind, (pts - start) / TICKS_PER_SECOND, seconds[index] ?? 0);
    await source.add(packet, meta);
  }
  await output.finalize();
  if (target.buffer === null) throw new Error('the library gave no file');
  const ends = shown.map(({ pts }, index) => (pts - start) / TICKS_PER_SECOND + (seconds[index] ?? 0));
  return {
    mp4: new Uint8Array(target.buffer),
    durationSeconds: ends.reduce((latest, end) => Math.max(latest, end), 0),
    from: shown[0]?.unit.at ?? 0,
    to: shown.at(-1)?.unit.at ?? 0,
  };
}

/**
 * How long each picture is shown, in seconds: until the next in order of time. The last as long as that before it, but
 * at most a second: there may have been a silence between them.
 */
function durations(times: readonly number[]): readonly number[] {
  const order = [...times.keys()].toSorted((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
  const out = times.map(() => 0);
  let last = 1 / 25;
  for (const [rank, index] of order.entries()) {
    const next = order[rank + 1];
    if (next === undefined) out[index] = Math.min(last, LONGEST_END);
    else out[index] = last = ((times[next] ?? 0) - (times[index] ?? 0)) / TICKS_PER_SECOND;
  }
  return out;
}

/** Px need not be square. */
function sizesOf({ width, height, sampleAspect }: SequenceInfo): {
  codedWidth: number;
  codedHeight: number;
  displayAspectWidth: number;
  displayAspectHeight: number;
} {
  return {
    codedWidth: width,
    codedHeight: height,
    displayAspectWidth: width * sampleAspect.width,
    displayAspectHeight: height * sampleAspect.height,
  };
}
