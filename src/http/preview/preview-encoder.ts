import Mpeg1Muxer from 'node-rtsp-stream/mpeg1muxer.js';
import { redactText } from '../../infra/redact.ts';
import { childEnvironment } from '../../runtime/child-environment.ts';
import { asError } from '../../runtime/errors.ts';
import { OutputTail } from '../../runtime/output-tail.ts';
import { TsAligner, videoSize, type VideoSize } from './mpegts.ts';

export interface VideoEvents {
  onData(data: Buffer): void;
  /** The video ended; called exactly once. `reason` is safe to log. */
  onEnd(reason: string): void;
}

/** A camera's video on its way to viewers. */
export interface Video {
  /** Of an encoder: the size of its output, known before the first data. Else null. */
  size(): VideoSize | null;
  stop(): void;
}

/** Starts a {@link Video} from `source`, e.g. `unix:/folder/socket`. Never throws: a failed start calls `onEnd`. */
export type StartVideo = (source: string, events: VideoEvents) => Video;

/** Largest single allocation of ffmpeg, in bytes. A picture of 8K takes 57 MB; a hostile stream can ask for more. */
const MAX_ALLOC = 128 * 1024 * 1024;

/** An ffmpeg, started by node-rtsp-stream's muxer, that turns a camera's stream into MPEG-1 in whole TS packets. */
export const ffmpegEncoder =
  (ffmpegPath: string): StartVideo =>
  (source, events) => {
    let size: VideoSize | null = null;
    let ended = false;
    const tail = new OutputTail(5, (line) => {
      size ??= videoSize(line);
      return redactText(line);
    });
    const aligner = new TsAligner();
    const end = (reason: string): void => {
      if (ended) return;
      ended = true;
      events.onEnd(redactText(reason));
    };
    let muxer: Mpeg1Muxer;
    try {
      muxer = withEnvironment(
        childEnvironment(),
        () =>
          new Mpeg1Muxer({
            url: source,
            ffmpegPath,
            // MPEG-1 allows few frame rates; 25 is one. No audio and no B frames, which would only add delay.
            ffmpegOptions: {
              '-an': '',
              '-r': 25,
              '-b:v': '1500k',
              '-bf': 0,
              '-flush_packets': 1,
              '-max_alloc': MAX_ALLOC,
            },
          }),
      );
    } catch (error) {
      // Out of file handles or processes: the muxer fails on a child without pipes.
      queueMicrotask(() => end(`ffmpeg could not be started: ${asError(error).message}`));
      return { size: () => null, stop: () => undefined };
    }
    const child = muxer.stream;
    // The muxer's own listener prints to the console; `close` below reports the end.
    child.removeAllListeners('exit');
    child.on('error', (error) => end(`ffmpeg could not be started: ${error.message}`));
    child.on('close', (code, signal) => end(`ffmpeg ended (${signal ?? `exit ${code}`}): ${tail.last() ?? ''}`));
    child.stdin.on('error', () => undefined); // nothing is ever written
    child.once('exit', tail.follow(child.stderr));
    muxer.on('mpeg1data', (chunk) => {
      const packets = aligner.push(chunk);
      if (!ended && packets !== null) events.onData(packets);
    });
    return {
      size: () => size,
      // A live stream has nothing to finish, and a full pipe would block a polite end.
      stop: () => {
        child.kill('SIGKILL');
      },
    };
  };

/**
 * Runs `start` with another environment for its child processes: the muxer starts ffmpeg in its constructor and passes
 * on the environment of this process. Nothing else runs in between.
 */
function withEnvironment<T>(environment: NodeJS.ProcessEnv, start: () => T): T {
  const own = process.env;
  process.env = environment;
  try {
    return start();
  } finally {
    process.env = own;
  }
}
