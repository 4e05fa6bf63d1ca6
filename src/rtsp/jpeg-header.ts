/** Sampling of the brightness to the colours: 4:2:2 and 4:2:0. RFC 2435 4.1. */
export type JpegSampling = '4:2:2' | '4:2:0';

export interface JpegShape {
  readonly width: number;
  readonly height: number;
  readonly sampling: JpegSampling;
  /** MCUs between restart markers; 0 for none. */
  readonly restartInterval: number;
  readonly tables: QuantTables;
}

/** One table for brightness and one for colours, each of 64 values in zigzag order, of 8 or 16 bits. */
export interface QuantTables {
  readonly data: Buffer;
  /** Bit 0 and 1: the first and the second table have values of 16 bits. */
  readonly precision: number;
}

/** Tables K.1 and K.2 of ITU-T T.81, which the factor Q scales, in rows. */
const BRIGHTNESS = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51,
  87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101,
  72, 92, 95, 98, 112, 100, 103, 99,
];
const COLOUR = [
  17,
  18,
  24,
  47,
  99,
  99,
  99,
  99,
  18,
  21,
  26,
  66,
  99,
  99,
  99,
  99,
  24,
  26,
  56,
  99,
  99,
  99,
  99,
  99,
  47,
  66,
  99,
  99,
  99,
  99,
  99,
  99,
  ...Array<number>(32).fill(99),
];

/** Figure A.6: the place in rows of each value in zigzag order. */
const ZIGZAG = zigzag();

function zigzag(): readonly number[] {
  const cells = Array.from({ length: 64 }, (_, cell) => ({ cell, row: cell >> 3, column: cell & 7 }));
  const along = ({ row, column }: { row: number; column: number }): number => ((row + column) % 2 === 0 ? column : row);
  return cells.toSorted((a, b) => a.row + a.column - (b.row + b.column) || along(a) - along(b)).map(({ cell }) => cell);
}

/** Tables of a factor Q from 1 to 99: RFC 2435 4.2. */
export function quantTables(q: number): QuantTables {
  const factor = q < 50 ? Math.floor(5000 / q) : 200 - q * 2;
  const scaled = [BRIGHTNESS, COLOUR].flatMap((table) =>
    ZIGZAG.map((cell) => Math.min(255, Math.max(1, Math.floor(((table[cell] ?? 0) * factor + 50) / 100)))),
  );
  return { data: Buffer.from(scaled), precision: 0 };
}

/** Bytes of two tables with values of that precision. */
export const quantTableBytes = (precision: number): number => ((precision & 1) + 1 + ((precision >> 1) & 1) + 1) * 64;

/** The usual Huffman tables, K.3 to K.6 of T.81: class and id, codes of each length, symbols. */
const HUFFMAN: readonly Buffer[] = [
  huffman(0x00, '00010501010101010100000000000000', '000102030405060708090a0b'),
  huffman(
    0x10,
    '0002010303020403050504040000017d',
    '01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728' +
      '292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a83848586878889' +
      '8a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2' +
      'e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa',
  ),
  huffman(0x01, '00030101010101010101010000000000', '000102030405060708090a0b'),
  huffman(
    0x11,
    '00020102040403040705040400010277',
    '000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a26' +
      '2728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a828384858687' +
      '88898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9da' +
      'e2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa',
  ),
];

function huffman(id: number, lengths: string, symbols: string): Buffer {
  return segment(0xc4, [id, ...Buffer.from(lengths, 'hex'), ...Buffer.from(symbols, 'hex')]);
}

function segment(marker: number, body: readonly number[]): Buffer {
  const length = body.length + 2;
  return Buffer.from([0xff, marker, length >> 8, length & 0xff, ...body]);
}

const START = Buffer.from([0xff, 0xd8]);
export const JPEG_END = Buffer.from([0xff, 0xd9]);

/** All segments of a JPEG in front of its coded data: RFC 2435 appendix B, T.81 annex B. */
export function jpegHeader({ width, height, sampling, restartInterval, tables }: JpegShape): Buffer {
  const first = (tables.precision & 1) === 0 ? 64 : 128;
  const tableSegments = [tables.data.subarray(0, first), tables.data.subarray(first)].map((table, id) =>
    segment(0xdb, [(((tables.precision >> id) & 1) << 4) | id, ...table]),
  );
  const restart = restartInterval > 0 ? [segment(0xdd, [restartInterval >> 8, restartInterval & 0xff])] : [];
  const sizes = [height >> 8, height & 0xff, width >> 8, width & 0xff];
  const blocks = sampling === '4:2:0' ? 0x22 : 0x21;
  const frame = segment(0xc0, [8, ...sizes, 3, 1, blocks, 0, 2, 0x11, 1, 3, 0x11, 1]);
  const scan = segment(0xda, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
  return Buffer.concat([START, ...tableSegments, ...restart, frame, ...HUFFMAN, scan]);
}
