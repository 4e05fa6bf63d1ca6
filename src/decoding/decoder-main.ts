// A decoder process: reads parts of jobs from standard input, writes the answers to file descriptor 3, and ends when
// the input closes. It waits by blocking reads, and lets the event loop turn once after each part: bindings free their
// memory there.
import { readSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { AV_LOG_QUIET } from 'node-av/constants';
import { Log } from 'node-av/lib';
import { asError } from '../runtime/errors.ts';
import { FrameReader, frameHeader, type Framed } from './decoder-framing.ts';
import { DECODER_EXITS, type FromDecoder } from './from-decoder.ts';
import { PictureDecoder } from './picture-decoder.ts';
import type { ToDecoder } from './to-decoder.ts';

if (!import.meta.main) throw new Error('decoder-main.ts is a program of its own');

const INPUT = 0;
const OUTPUT = 3;
/** Resident memory: at the first limit all caches are dropped, at the second the process ends and is replaced. */
const SHED_BYTES = 450e6;
const MAX_BYTES = 600e6;
const RETRY_MS = 1;

process.title = 'gantry-decoder';
// Ctrl+C reaches all processes of the terminal; this one ends with its parent.
process.on('SIGINT', () => undefined);
Log.setLevel(AV_LOG_QUIET);

const decoder = new PictureDecoder();
const reader = new FrameReader();
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Waits while the other end is slow and the descriptor does not block. */
function retried(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
      // The parent is gone.
      if (code === 'EPIPE' || code === 'ECONNRESET') return process.exit(0);
      if (code !== 'EAGAIN' && code !== 'EINTR') throw thrown;
      Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
  }
}

function receive(): Framed {
  for (;;) {
    const target = reader.target();
    const read = retried(() => readSync(INPUT, target));
    if (read === 0) return process.exit(0);
    const framed = reader.filled(read);
    if (framed !== null) return framed;
  }
}

function send(message: FromDecoder, blocks: readonly Uint8Array[]): void {
  for (const bytes of [frameHeader(message, blocks), ...blocks]) {
    for (let at = 0; at < bytes.length;) at += retried(() => writeSync(OUTPUT, bytes, at));
  }
}

function checkMemory(): void {
  if (process.memoryUsage.rss() <= SHED_BYTES) return;
  decoder.shed();
  if (process.memoryUsage.rss() > MAX_BYTES) process.exit(DECODER_EXITS.memory);
}

function next(): Framed {
  try {
    return receive();
  } catch (thrown) {
    process.stderr.write(`${asError(thrown).message}\n`);
    return process.exit(DECODER_EXITS.badInput);
  }
}

send({ type: 'ready' }, []);
for (;;) {
  const framed = next();
  // Written by our own pool.
  const answer = decoder.handle(framed.message as ToDecoder, framed.blocks);
  if (answer !== null) send(answer.message, answer.blocks);
  checkMemory();
  await setImmediate();
}
