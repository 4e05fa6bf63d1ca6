import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../runtime/child-environment.ts';
import { asError } from '../runtime/errors.ts';
import { OutputTail } from '../runtime/output-tail.ts';
import { FrameReader, frameHeader, type Framed } from './decoder-framing.ts';
import { DECODER_EXITS, type FromDecoder } from './from-decoder.ts';
import type { ToDecoder } from './to-decoder.ts';

const PROGRAM = fileURLToPath(new URL('decoder-main.ts', import.meta.url));
/** For JavaScript's own objects, in MB; pictures lie outside of it and are bounded by the process itself. */
const HEAP_MB = 64;
const OUTPUT = 3;

export interface DecoderEvents {
  onMessage(message: FromDecoder, blocks: readonly Uint8Array<ArrayBuffer>[]): void;
  /** Called once, after the last message. */
  onGone(gone: DecoderGone): void;
}

export interface DecoderGone {
  /** For people. */
  readonly reason: string;
  /** It ended by itself between two parts, to give memory back. */
  readonly byMemory: boolean;
}

/** One decoder process. */
export interface DecoderChannel {
  readonly pid: number | null;
  send(message: ToDecoder, blocks: readonly Uint8Array[]): void;
  /** Lets it end after the parts that it has. */
  end(): void;
  kill(): void;
}

export type OpenDecoder = (events: DecoderEvents) => DecoderChannel;

/** Starts a process. Never throws: a failed start calls `onGone`. */
export const openDecoderProcess: OpenDecoder = (events) => {
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, PROGRAM], {
    // Options for the main program, such as an inspector's port, are not the decoder's.
    env: { ...childEnvironment({ node: true }), NODE_OPTIONS: '' },
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
  });
  const { pid, stdin, stderr } = child;
  // A process that could not be started may have no pipes.
  const output = child.stdio?.[OUTPUT] as Readable | null | undefined;
  const tail = new OutputTail();
  const reader = new FrameReader();
  const onFramed = ({ message, blocks }: Framed): void =>
    // Written by our own program.
    events.onMessage(message as FromDecoder, blocks);
  let isGone = false;
  const gone = (reason: string, byMemory = false): void => {
    if (isGone) return;
    isGone = true;
    events.onGone({ reason, byMemory });
  };
  output?.on('data', (chunk: Buffer) => {
    try {
      reader.push(chunk, onFramed);
    } catch (thrown) {
      tail.note(asError(thrown).message);
      output?.destroy();
      child.kill('SIGKILL');
    }
  });
  // Its end is told by `close`.
  for (const stream of [stdin, output]) stream?.on('error', () => undefined);
  if (pid !== undefined && stderr !== null) child.once('exit', tail.follow(stderr));
  child.on('error', (error) => {
    if (pid === undefined) gone(`it could not be started: ${error.message}`);
  });
  child.once('close', (code, signal) => {
    const byMemory = code === DECODER_EXITS.memory;
    const how = byMemory ? 'it used too much memory' : (signal ?? `exit code ${code}`);
    const said = tail.last();
    gone(said === null ? how : `${how}: ${said}`, byMemory);
  });
  return {
    pid: pid ?? null,
    send: (message, blocks) => {
      if (stdin?.writable !== true) return;
      stdin.cork();
      stdin.write(frameHeader(message, blocks));
      for (const block of blocks) stdin.write(block);
      stdin.uncork();
    },
    end: () => void stdin?.end(),
    kill: () => void child.kill('SIGKILL'),
  };
};
