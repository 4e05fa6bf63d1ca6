const POLYNOMIAL = 0x04c1_1db7;

/** The check of a transport stream's tables: CRC-32 without reflection or final inversion, ISO/IEC 13818-1 annex A. */
export function crc32Mpeg(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  }
  return crc >>> 0;
}
