import type { AccessUnit, VideoCodec } from '../video/access-unit.ts';
import { H264Depacketizer } from './depacketize-h264.ts';
import { H265Depacketizer } from './depacketize-h265.ts';
import { JpegDepacketizer } from './depacketize-jpeg.ts';
import type { Assembled, Depacketizer } from './depacketizer.ts';
import { readRtp, type RtpPacket } from './rtp-packet.ts';
import { RtpSequence } from './rtp-sequence.ts';
import { TrackClock } from './track-clock.ts';

/** A keyframe of 8K has less. */
const MOST_UNIT_BYTES = 8 * 1024 * 1024;
/** Payloads are views of the buffers that came from the socket: those are held for as long as a unit grows. */
const MOST_PINNED_BYTES = 4 * MOST_UNIT_BYTES;

/** The track of a description that is played. */
export interface RtpTrack {
  readonly codec: VideoCodec;
  readonly payloadType: number;
  /** Ticks a second. */
  readonly clockRate: number;
  /**
   * Format parameters by name, in lower case. For MJPEG also the attributes `x-dimensions` ("1920,1080") and
   * `framesize` ("26 1920-1080"), which tell the size of pictures wider or higher than 2,040 px.
   */
  readonly fmtp: ReadonlyMap<string, string>;
}

export interface RtpReceiverOptions {
  /** Packets may come out of order: UDP. */
  readonly reorder: boolean;
  readonly onUnit: (unit: AccessUnit) => void;
}

/** Counts since the start. */
export interface RtpStats {
  /** Packets of the track. */
  readonly received: number;
  /** Packets that never arrived. */
  readonly lost: number;
  /** Extended by the number of times that the 16 bits began anew: RFC 3550 6.4.1. */
  readonly highestSequence: number;
  /** In ticks of the track's clock: RFC 3550 A.8. */
  readonly jitter: number;
  /** Of the camera; null before the first packet. */
  readonly ssrc: number | null;
  readonly dropped: DropCounts;
}

/** Packets and pictures that were not used, by reason. */
export interface DropCounts {
  /** Packets that are no RTP, or whose payload breaks its format. */
  malformed: number;
  /** Packets of another payload type, such as audio on the same channel. */
  otherType: number;
  /** Packets of a form that no known camera sends. */
  unsupported: number;
  /** Packets that came twice, too late, or out of any order. */
  unusable: number;
  /** Pictures with missing or malformed packets. */
  damaged: number;
  /** Pictures between a damaged one and the next keyframe, and those before the first. */
  awaitingKey: number;
  /** Keyframes before the first parameter sets. */
  withoutSets: number;
  /** Pictures over 8 MB; they are among the damaged ones. */
  oversize: number;
}

/** The picture that is being received. */
interface Current {
  timestamp: number;
  at: number;
  isDamaged: boolean;
  /** Packets before its first one are missing. */
  readonly isAfterGap: boolean;
}

/**
 * Turns the RTP packets of one video track into access units. A picture with missing packets is dropped, and so are
 * those after it up to the next keyframe: decoding never goes on over a loss.
 *
 * A picture ends with the marker, or where the timestamp changes. A camera that sets the marker on each slice of a
 * picture is recognised by a picture that does not begin with its first slice; its markers are not used from then on.
 */
export class RtpReceiver {
  readonly #track: RtpTrack;
  readonly #onUnit: (unit: AccessUnit) => void;
  readonly #sequence: RtpSequence;
  readonly #parts: Depacketizer;
  readonly #dropped = { malformed: 0, otherType: 0, unsupported: 0, damaged: 0, awaitingKey: 0, withoutSets: 0 };
  #oversize = 0;
  #received = 0;
  #ssrc: number | null = null;
  /** The next packet is the first of its source, perhaps in the middle of a picture. */
  #isFresh = true;
  readonly #clock: TrackClock;
  #current: Current | null = null;
  #awaitsKey = true;
  /** Time of a keyframe after which pictures that are shown before it cannot be decoded. */
  #leadingUntil: number | null = null;
  #lastAt = 0;
  #unitAt = 0;
  #markersLie = false;
  #pinned = 0;
  #pinnedLast: ArrayBufferLike | null = null;

  constructor(track: RtpTrack, options: RtpReceiverOptions) {
    this.#track = track;
    this.#onUnit = options.onUnit;
    this.#clock = new TrackClock(track.clockRate);
    this.#parts = depacketizerOf(track);
    this.#sequence = new RtpSequence(options.reorder, (packet, at, gap) => this.#inOrder(packet, at, gap));
  }

  /** Views of packets of an unbroken TCP connection are held, for a picture that is not complete. */
  get isHolding(): boolean {
    return this.#current !== null;
  }

  get stats(): RtpStats {
    return {
      received: this.#received,
      lost: this.#sequence.lost,
      highestSequence: this.#sequence.highest,
      jitter: Math.floor(this.#clock.jitter),
      ssrc: this.#ssrc,
      dropped: { ...this.#dropped, unusable: this.#sequence.unusable, oversize: this.#oversize },
    };
  }

  /** Pictures that came and were not passed on. */
  get droppedPictures(): number {
    return this.#dropped.damaged + this.#dropped.awaitingKey + this.#dropped.withoutSets;
  }

  /**
   * Takes one packet. Its bytes must not change afterwards: the receiver keeps views of them until the picture is
   * complete.
   *
   * @param at when it arrived, epoch ms
   */
  push(rtp: Buffer, at: number): void {
    const packet = readRtp(rtp);
    if (packet === null) {
      this.#dropped.malformed++;
      return;
    }
    if (packet.payloadType !== this.#track.payloadType) {
      this.#dropped.otherType++;
      return;
    }
    if (packet.ssrc !== this.#ssrc) this.#newSource(packet.ssrc);
    this.#received++;
    this.#lastAt = Math.max(this.#lastAt, at);
    this.#clock.arrived(packet.timestamp, this.#lastAt);
    this.#sequence.push(packet, this.#lastAt);
  }

  #newSource(ssrc: number): void {
    if (this.#ssrc !== null) {
      this.#sequence.reset();
      this.#drop();
      this.#loseSync();
    }
    this.#ssrc = ssrc;
    this.#isFresh = true;
    this.#clock.newSource();
  }

  #inOrder(packet: RtpPacket, at: number, missing: boolean): void {
    const gap = missing || this.#isFresh;
    this.#isFresh = false;
    if (gap) this.#onGap();
    if (this.#current !== null && this.#current.timestamp !== packet.timestamp) this.#endPicture();
    this.#current ??= { timestamp: packet.timestamp, at, isDamaged: false, isAfterGap: gap };
    this.#current.timestamp = packet.timestamp;
    this.#current.at = Math.max(this.#current.at, at);
    this.#take(packet.payload, this.#current);
    if (packet.marker && !this.#markersLie) this.#endPicture();
  }

  #onGap(): void {
    this.#parts.gap();
    if (this.#current !== null) this.#current.isDamaged = true;
    this.#loseSync();
  }

  #take(payload: Buffer, current: Current): void {
    if (payload.buffer !== this.#pinnedLast) {
      this.#pinnedLast = payload.buffer;
      this.#pinned += payload.buffer.byteLength;
    }
    const fault = this.#parts.push(payload);
    if (fault === 'malformed' || fault === 'unsupported') this.#dropped[fault]++;
    if (fault === 'malformed' || fault === 'orphan') current.isDamaged = true;
    if (this.#parts.held <= MOST_UNIT_BYTES && this.#pinned <= MOST_PINNED_BYTES) return;
    this.#oversize++;
    this.#parts.discard();
    this.#unpin();
    current.isDamaged = true;
  }

  /** Parameter sets that came alone wait for the picture that they belong to. */
  #endPicture(): void {
    const current = this.#current;
    if (current === null || (this.#parts.isEmpty && !current.isDamaged)) return;
    this.#current = null;
    if (current.isDamaged) {
      this.#dropped.damaged++;
      this.#drop();
      this.#loseSync();
      return;
    }
    const picture = this.#parts.finish();
    this.#unpin();
    if (picture === null) {
      this.#dropped.withoutSets++;
      this.#loseSync();
    } else if (picture.hasStart) this.#emit(picture, current);
    else {
      if (!current.isAfterGap) this.#markersLie = true;
      this.#dropped.damaged++;
      this.#loseSync();
    }
  }

  #emit(picture: Assembled, current: Current): void {
    const pts = this.#clock.ptsOf(current.timestamp);
    if (this.#awaitsKey && !picture.isKey) {
      this.#dropped.awaitingKey++;
      return;
    }
    if (this.#awaitsKey) this.#leadingUntil = picture.isClosed ? null : pts;
    else if (this.#leadingUntil !== null && pts < this.#leadingUntil) {
      this.#dropped.awaitingKey++;
      return;
    } else this.#leadingUntil = null;
    this.#awaitsKey = false;
    this.#unitAt = Math.max(this.#unitAt, current.at);
    this.#onUnit({ codec: this.#track.codec, data: picture.data, isKey: picture.isKey, at: this.#unitAt, pts });
  }

  #loseSync(): void {
    this.#awaitsKey = true;
  }

  #drop(): void {
    this.#parts.discard();
    this.#unpin();
    this.#current = null;
  }

  #unpin(): void {
    this.#pinned = 0;
    this.#pinnedLast = null;
  }
}

function depacketizerOf({ codec, fmtp }: RtpTrack): Depacketizer {
  switch (codec) {
    case 'h264':
      return new H264Depacketizer(fmtp);
    case 'h265':
      return new H265Depacketizer(fmtp);
    case 'mjpeg':
      return new JpegDepacketizer(fmtp);
  }
}
