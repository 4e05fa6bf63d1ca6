import { TS_PACKET, TS_SYNC } from './mpegts.ts';

const NO_PID = -1;
const PAT_PID = 0;
/** Stream types of ISO/IEC 13818-1, table 2-34, with the names that people know. */
const VIDEO_TYPES: ReadonlyMap<number, string> = new Map([
  [0x01, 'MPEG-1'],
  [0x02, 'MPEG-2'],
  [0x10, 'MPEG-4'],
  [0x1b, 'H.264'],
  [0x24, 'H.265'],
]);

/**
 * Finds the parts of an MPEG-TS stream with which a player can begin: its tables (PAT and PMT), and the packets where
 * a keyframe begins, by their random access indicator (ISO/IEC 13818-1, 2.4.3.5). A table that does not fit into one
 * packet is not read. Takes any bytes; packets that are none are skipped.
 */
export class TsIndex {
  #pat: Buffer | null = null;
  #pmt: Buffer | null = null;
  #pmtPid = NO_PID;
  #videoPid = NO_PID;
  #codec: string | null = null;

  /** Kind of the video, e.g. `H.264`; null until the tables have come. */
  get codec(): string | null {
    return this.#codec;
  }

  /** The newest PAT and PMT, a packet each; null until both have come. */
  get tables(): Buffer | null {
    return this.#pat === null || this.#pmt === null ? null : Buffer.concat([this.#pat, this.#pmt]);
  }

  /** Takes whole packets. Returns the offsets, ascending, of those at which a keyframe begins. */
  push(packets: Buffer): readonly number[] {
    const keys: number[] = [];
    for (let at = 0; at + TS_PACKET <= packets.byteLength; at += TS_PACKET) {
      if (packets[at] !== TS_SYNC) continue;
      const packet = packets.subarray(at, at + TS_PACKET);
      const pid = packet.readUInt16BE(1) & 0x1fff;
      if (pid === PAT_PID) this.#readPat(packet);
      else if (pid === this.#pmtPid) this.#readPmt(packet);
      else if (pid === this.#videoPid && beginsKeyframe(packet)) keys.push(at);
    }
    return keys;
  }

  #readPat(packet: Buffer): void {
    const section = sectionOf(packet, 0x00);
    if (section === null) return;
    // Programs of four bytes each; number 0 is the network's table.
    for (let at = 8; at + 4 <= section.byteLength; at += 4) {
      if (section.readUInt16BE(at) === 0) continue;
      this.#pat = Buffer.from(packet);
      this.#pmtPid = section.readUInt16BE(at + 2) & 0x1fff;
      return;
    }
  }

  #readPmt(packet: Buffer): void {
    const section = sectionOf(packet, 0x02);
    if (section === null || section.byteLength < 12) return;
    let at = 12 + (section.readUInt16BE(10) & 0x0fff);
    while (at + 5 <= section.byteLength) {
      const codec = VIDEO_TYPES.get(section.readUInt8(at));
      if (codec !== undefined) {
        this.#pmt = Buffer.from(packet);
        this.#videoPid = section.readUInt16BE(at + 1) & 0x1fff;
        this.#codec = codec;
        return;
      }
      at += 5 + (section.readUInt16BE(at + 3) & 0x0fff);
    }
  }
}

const hasPayloadStart = (packet: Buffer): boolean => (packet.readUInt8(1) & 0x40) !== 0;
const hasAdaptation = (packet: Buffer): boolean => (packet.readUInt8(3) & 0x20) !== 0;

const beginsKeyframe = (packet: Buffer): boolean =>
  hasPayloadStart(packet) && hasAdaptation(packet) && packet.readUInt8(4) > 0 && (packet.readUInt8(5) & 0x40) !== 0;

/** A section that begins and ends in this packet, without its CRC; null for any other. */
function sectionOf(packet: Buffer, tableId: number): Buffer | null {
  if (!hasPayloadStart(packet)) return null;
  const payload = 4 + (hasAdaptation(packet) ? 1 + packet.readUInt8(4) : 0);
  if (payload >= TS_PACKET) return null;
  const start = payload + 1 + packet.readUInt8(payload);
  if (start + 3 > TS_PACKET || packet[start] !== tableId) return null;
  const end = start + 3 + (packet.readUInt16BE(start + 1) & 0x0fff) - 4;
  return end > TS_PACKET || end <= start ? null : packet.subarray(start, end);
}
