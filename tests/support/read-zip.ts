import assert from 'node:assert/strict';

/** The files of a zip archive without compression, by name, from its central directory. */
export function readZip(zip: Buffer): ReadonlyMap<string, Buffer> {
  const end = zip.lastIndexOf(Buffer.from('PK\u0005\u0006'));
  assert.ok(end >= 0, 'the archive has an end');
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    assert.equal(zip.toString('latin1', at, at + 4), 'PK\u0001\u0002');
    assert.equal(zip.readUInt16LE(at + 10), 0, 'stored');
    const size = zip.readUInt32LE(at + 24);
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const local = zip.readUInt32LE(at + 42);
    const data = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    files.set(zip.toString('utf8', at + 46, at + 46 + nameLength!), zip.subarray(data, data + size));
    at += 46 + nameLength! + extra! + comment!;
  }
  return files;
}

/** The cells of a CSV in which each one is quoted, without its byte order mark. */
export function readCsv(text: string): string[][] {
  assert.equal(text[0], '\uFEFF');
  return [...text.slice(1).matchAll(/((?:"(?:[^"]|"")*",?)+)\r\n/gu)].map(([, line = '']) =>
    [...line.matchAll(/"((?:[^"]|"")*)"(?:,|$)/gu)].map(([, cell = '']) => cell.replaceAll('""', '"')),
  );
}
