import { Writable } from 'node:stream';
import { progress } from '@clack/prompts';

/** Progress of one piece of long work. */
export interface Progress {
  /**
   * `fraction`: 0 to 1, null while it is not known. `stage` says which messages belong together, where each message
   * carries a figure; default: the message.
   */
  at(fraction: number | null, message: string, stage?: string): void;
  /** Removes the bar. May be called twice. */
  end(): void;
}

const STEPS = 100;
const INTERRUPTED = 130;

/** A bar on a terminal, until `end`. Ctrl-C ends the process with 130, unless it handles SIGINT itself. */
export function startBar(title: string, terminal: NodeJS.WritableStream): Progress {
  if (!(terminal instanceof Writable)) throw new TypeError('a bar needs a Writable stream');
  const othersListen = process.listenerCount('SIGINT') > 0;
  const bar = progress({
    max: STEPS,
    output: terminal,
    withGuide: false,
    onCancel: () => {
      if (!othersListen) process.exit(INTERRUPTED);
    },
  });
  bar.start(title);
  // The library puts the terminal into raw mode, where Ctrl-C is a key and ends the process with 0. A signal is wanted.
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  let done = 0;
  return {
    at: (fraction, message) => {
      const next = fraction === null ? done : Math.max(done, Math.floor(Math.min(1, fraction) * STEPS));
      bar.advance(next - done, message);
      done = next;
    },
    end: () => bar.clear(),
  };
}
