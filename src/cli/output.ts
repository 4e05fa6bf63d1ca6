import { styleText } from 'node:util';
import { asError } from '../runtime/errors.ts';
import type { Progress } from './progress-bar.ts';

/** The two streams of a command; a terminal says so by `isTTY`. */
export interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
}

/** Nothing is shown. */
const SILENT: Progress = { at: () => undefined, end: () => undefined };

/**
 * What a command tells. With `--json`, stdout gets exactly one document, the result or `{error: {code, message}}`;
 * without, lines for people. Warnings and progress bars go to stderr.
 */
export class Output {
  readonly json: boolean;
  readonly #streams: Streams;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
  }

  /** The result: `document` with `--json`, else `text`. To be called once. */
  result(document: unknown, text: string): void {
    this.#streams.stdout.write(`${this.json ? JSON.stringify(document, null, 2) : text}\n`);
  }

  /** A line on the way to the result; not with `--json`. */
  say(line: string): void {
    if (!this.json) this.#streams.stdout.write(`${line}\n`);
  }

  warn(line: string): void {
    this.#streams.stderr.write(`${line}\n`);
  }

  /** The end of a command that failed. `help` is shown to people only. */
  error(command: string, code: string, message: string, help = ''): void {
    if (this.json) {
      this.#streams.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
      return;
    }
    const head = styleText('red', command, { stream: this.#streams.stderr });
    this.warn(`${head}: ${help === '' ? `${code}: ` : ''}${message}${help === '' ? '' : `\n\n${help}`}`);
  }

  /** An error that nobody expected, with its stack. */
  crash(command: string, thrown: unknown): void {
    const error = asError(thrown);
    if (this.json) this.error(command, 'INTERNAL', error.message);
    this.warn(error.stack ?? error.message);
  }

  /**
   * A bar on stderr where that is a terminal. Elsewhere `plain`: `lines` says each new message and each tenth, `silent`
   * nothing. With `--json` nothing is shown.
   */
  async progress(title: string, plain: 'lines' | 'silent' = 'silent'): Promise<Progress> {
    if (this.json) return SILENT;
    const { stderr } = this.#streams;
    // Some terminals without a window, such as those of containers, say that they have no columns.
    if (stderr.isTTY === true && stderr.columns !== 0 && process.env['TERM'] !== 'dumb')
      return (await import('./progress-bar.ts')).startBar(title, stderr);
    return plain === 'silent' ? SILENT : this.#lines();
  }

  #lines(): Progress {
    let last = '';
    return {
      at: (fraction, message, stage = message) => {
        const step = `${stage} ${fraction === null ? '' : Math.floor(fraction * 10)}`;
        if (step === last) return;
        last = step;
        this.say(message);
      },
      end: () => undefined,
    };
  }
}
