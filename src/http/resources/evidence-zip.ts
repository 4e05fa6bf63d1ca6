import { createHash } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import { asError } from '../../runtime/errors.ts';

/** A file of the archive; its content is read when its turn comes. */
export interface EvidenceFile {
  readonly name: string;
  readonly bytes: number;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Name of the file with the hashes of all others, as `sha256sum --check` reads it. */
export const SUMS = 'SHA256SUMS';

/**
 * The files as a zip archive, with `SHA256SUMS` last. Nothing is compressed: pictures and video are already. One file
 * at a time is read, as fast as the archive is. A file that fails breaks the archive off, so that it has no end and no
 * hashes. `signal` ends it too. `at`: time of the files.
 */
export function evidenceZip(files: AsyncIterable<EvidenceFile>, at: Date, signal: AbortSignal): Readable {
  const zip = new ZipFile();
  const archive = zip.outputStream;
  if (!(archive instanceof Readable)) throw new TypeError('the archive is not a stream of Node');
  const fail = (thrown: unknown): void => void archive.destroy(asError(thrown));
  zip.on('error', fail);
  // The reader of the archive sees its failure too.
  archive.on('error', () => undefined);
  fill(zip, files, at, signal).catch(fail);
  return addAbortSignal(signal, archive);
}

async function fill(zip: ZipFile, files: AsyncIterable<EvidenceFile>, at: Date, signal: AbortSignal): Promise<void> {
  const about = { compress: false, mtime: at };
  const sums: string[] = [];
  for await (const { name, bytes, content } of files) {
    const hash = createHash('sha256');
    const source = addAbortSignal(signal, Readable.from(hashed(content, hash), { objectMode: false }));
    const ended = new Promise<void>((resolve, reject) => source.once('end', resolve).once('error', reject));
    zip.addReadStream(source, name, { ...about, size: bytes });
    await ended;
    sums.push(`${hash.digest('hex')}  ${name}\n`);
  }
  zip.addBuffer(Buffer.from(sums.join('')), SUMS, about);
  zip.end();
}

async function* hashed(
  content: EvidenceFile['content'],
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const part of content instanceof Uint8Array ? [content] : content) {
    hash.update(part);
    yield part;
  }
}
