import { randomInt } from 'node:crypto';
import { RtcpReceiverInfo, RtcpRrPacket } from 'werift-rtp';

/** What a receiver report says of the track: see `RtpReceiver.stats`. */
export interface ReportedStats {
  readonly received: number;
  readonly lost: number;
  readonly highestSequence: number;
  readonly jitter: number;
  readonly ssrc: number | null;
}

const SENDER_REPORT = 200;
const BYE = 203;
/** Of a header, and of a sender report up to its middle 32 bits of the NTP time. */
const HEADER = 4;
const MOST_LOST = 0x7f_ffff;

/** Writes receiver reports and reads the camera's RTCP packets (RFC 3550, 6.4). */
export class RtcpReports {
  readonly #ssrc = randomInt(1, 2 ** 32);
  #lastReport: { readonly middle: number; readonly at: number } | null = null;
  #before = { received: 0, lost: 0 };

  /**
   * Reads a compound packet.
   *
   * @param at when it came, epoch ms
   * @returns whether the camera says BYE: it ends the stream
   */
  receive(compound: Buffer, at: number): boolean {
    let saysBye = false;
    for (let from = 0; from + HEADER <= compound.length;) {
      const end = from + HEADER + 4 * compound.readUInt16BE(from + 2);
      if (compound.readUInt8(from) >> 6 !== 2 || end > compound.length) break;
      const type = compound.readUInt8(from + 1);
      if (type === BYE) saysBye = true;
      if (type === SENDER_REPORT && end - from >= 28)
        this.#lastReport = { middle: compound.readUInt32BE(from + 10), at };
      from = end;
    }
    return saysBye;
  }

  /** The report to send at `now` (epoch ms); null before the first packet of the track. */
  report(stats: ReportedStats, now: number): Buffer | null {
    if (stats.ssrc === null) return null;
    const lost = Math.max(0, stats.lost - this.#before.lost);
    const expected = lost + Math.max(0, stats.received - this.#before.received);
    this.#before = { received: stats.received, lost: stats.lost };
    const last = this.#lastReport;
    const info = new RtcpReceiverInfo({
      ssrc: stats.ssrc,
      fractionLost: expected === 0 ? 0 : Math.min(255, Math.floor((256 * lost) / expected)),
      packetsLost: Math.min(MOST_LOST, Math.max(0, stats.lost)),
      highestSequence: stats.highestSequence >>> 0,
      jitter: stats.jitter >>> 0,
      lsr: last?.middle ?? 0,
      dlsr: last === null ? 0 : Math.min(0xffff_ffff, Math.max(0, Math.round(((now - last.at) * 65_536) / 1000))),
    });
    return new RtcpRrPacket({ ssrc: this.#ssrc, reports: [info] }).serialize();
  }
}
