import { type AccessUnit, TICKS_PER_SECOND } from './access-unit.ts';
import { findNal, H264_NAL, H265_NAL, type NalCodec } from './nal-units.ts';
import type { SequenceInfo } from './sequence-info.ts';
import { readSps } from './sps.ts';

const TICKS_PER_MS = TICKS_PER_SECOND / 1000;
/** A camera's clock that goes further from one picture to the next has jumped, or there was nothing to send. */
const LONGEST_STEP = TICKS_PER_SECOND;
/** Between pictures, where neither the camera's clock nor ours tells it: 25 a second. */
const USUAL_STEP = TICKS_PER_SECOND / 25;
/** Slower rates than one a second would delay the first pictures of a stream with B frames by seconds. */
const LONGEST_DELAY_STEP = TICKS_PER_SECOND / 5;
/** Pictures out of order: the bound of both codecs. */
const MOST_REORDER = 16;

/** When a picture is decoded and shown, in ticks of 90 kHz from the first decoded picture. */
export interface UnitTimes {
  readonly dts: number;
  /** Not before `dts`. */
  readonly pts: number;
}

/**
 * Gives the access units of one stream, in decoding order, times of a clock of its own that begins at 0. A camera's
 * clock may jump either way; this one never runs backwards: a step of the camera's clock that is no step from picture
 * to picture is replaced by the distance of arrival.
 *
 * Decoding times are not sent by cameras. With B frames, they are the presentation times in ascending order, as late
 * as the stream's parameters say that pictures are out of order; where these say nothing, as late as was seen.
 */
export class Timeline {
  readonly #codec: NalCodec;
  /** Presentation times that no decoding time has been made of: a sorted list of as many as pictures are delayed. */
  readonly #waiting: number[] = [];
  #sps: Buffer | null = null;
  #info: SequenceInfo | null = null;
  #last: AccessUnit | null = null;
  #lastPts = 0;
  #highestPts = 0;
  /** Highest time before the last keyframe: no picture after it is shown before that. */
  #floor = -1;
  #lastDts = -1;
  #step = USUAL_STEP;
  /** Added to all presentation times: pictures are shown later when more of them come out of order than expected. */
  #delay = 0;

  constructor(codec: NalCodec) {
    this.#codec = codec;
  }

  /** The parameters of the last keyframe; null before one that can be read. */
  get info(): SequenceInfo | null {
    return this.#info;
  }

  next(unit: AccessUnit): UnitTimes {
    if (unit.isKey) this.#readParameters(unit);
    if (this.#last === null) this.#begin();
    else if (unit.isKey) this.#floor = this.#highestPts;
    const pts = this.#last === null ? 0 : this.#lastPts + this.#stepTo(unit, this.#last);
    this.#last = unit;
    this.#lastPts = pts;
    this.#highestPts = Math.max(this.#highestPts, pts);
    return this.#timesOf(pts);
  }

  #readParameters(unit: AccessUnit): void {
    const sps = findNal(this.#codec, unit, this.#codec === 'h264' ? H264_NAL.sps : H265_NAL.sps);
    if (sps === null || this.#sps?.equals(sps) === true) return;
    this.#sps = Buffer.from(sps);
    this.#info = readSps(this.#codec, sps);
  }

  /** Made-up times before the first picture stand for the decoding times of the first pictures. */
  #begin(): void {
    const count = Math.min(this.#info?.reorder ?? 0, MOST_REORDER);
    const fps = this.#info?.fps ?? null;
    const step = fps === null ? USUAL_STEP : Math.min(Math.round(TICKS_PER_SECOND / fps), LONGEST_DELAY_STEP);
    for (let index = count; index > 0; index--) this.#waiting.push(-index * Math.max(1, step));
    this.#delay = -(this.#waiting[0] ?? 0);
  }

  #stepTo(unit: AccessUnit, last: AccessUnit): number {
    const told = Math.round(unit.pts - last.pts);
    const floor = this.#mayGoBack() ? this.#floor : this.#lastPts;
    if (told !== 0 && Math.abs(told) <= LONGEST_STEP && this.#lastPts + told > floor) {
      if (told > 0) this.#step = told;
      return told;
    }
    const seen = Math.round((unit.at - last.at) * TICKS_PER_MS);
    return this.#highestPts - this.#lastPts + (seen > 0 ? seen : this.#step);
  }

  #mayGoBack(): boolean {
    return this.#info === null || this.#info.reorder !== 0;
  }

  #timesOf(pts: number): UnitTimes {
    const earliest = this.#insert(pts);
    const dts = Math.max(earliest + this.#delay, this.#lastDts + 1);
    const late = dts - (pts + this.#delay);
    if (late > 0) {
      // A picture out of order that the parameters did not announce.
      this.#delay += late;
      if (this.#waiting.length < MOST_REORDER) this.#insertOnly(earliest);
    }
    this.#lastDts = dts;
    return { dts, pts: pts + this.#delay };
  }

  /** Puts a time into the sorted list and takes the earliest from it. */
  #insert(pts: number): number {
    this.#insertOnly(pts);
    return this.#waiting.shift() ?? pts;
  }

  #insertOnly(pts: number): void {
    const at = this.#waiting.findLastIndex((each) => each <= pts);
    this.#waiting.splice(at + 1, 0, pts);
  }
}
