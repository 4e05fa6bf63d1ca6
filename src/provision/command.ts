import { spawn } from 'node:child_process';
import { childEnvironment } from '../runtime/child-environment.ts';
import { printable } from '../runtime/printable.ts';
import { ProvisionError } from './provision-error.ts';

export interface CommandOptions {
  readonly cwd?: string;
  /** Added to the variables that every child gets, see `childEnvironment`. */
  readonly env?: Readonly<Record<string, string>>;
  /** The command downloads something, so it gets the proxy variables too. Default false. */
  readonly download?: boolean;
  /** The command is killed after this many ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  /** Called with each line of standard output; `stdout` of the result is empty then. */
  readonly onLine?: (line: string) => void;
}

export interface CommandResult {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** Standard error, at most its last 64 KiB. */
  readonly stderr: string;
}

const MAX_STDOUT = 64 * 1024 * 1024;
const MAX_STDERR = 64 * 1024;
/** With `onLine`: of an unfinished line, the last characters are kept. */
const MAX_LINE = 64 * 1024;

/**
 * Runs a program to its end, without a shell. A non-zero exit status is a result, not an error.
 * @throws {ProvisionError} `COMMAND_FAILED` when it cannot be started, is aborted, takes too long, or prints over 64
 * MiB
 */
export function runProgram(program: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: childEnvironment({ extra: options.env ?? {}, download: options.download ?? false }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let failure: string | null = null;
    const kill = (why: string): void => {
      failure ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(
      () => kill(`took longer than ${Math.round(options.timeoutMs / 1000)} s and was ended`),
      options.timeoutMs,
    );
    const onAbort = (): void => kill('was cancelled');
    if (options.signal?.aborted === true) onAbort();
    options.signal?.addEventListener('abort', onAbort, { once: true });

    child.stdout.setEncoding('utf8');
    child.stderr.setEncoding('utf8');
    child.stdout.on('data', (chunk: string) => {
      stdout += chunk;
      if (options.onLine !== undefined) {
        const lines = stdout.split('\n');
        // A long unfinished line would be split again with every chunk.
        stdout = (lines.pop() ?? '').slice(-MAX_LINE);
        for (const line of lines) options.onLine(line);
      }
      if (stdout.length > MAX_STDOUT) kill('printed too much');
    });
    child.stderr.on('data', (chunk: string) => {
      stderr = (stderr + chunk).slice(-MAX_STDERR);
    });
    const finish = (then: () => void): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      then();
    };
    const failed = (why: string, cause?: unknown): ProvisionError =>
      new ProvisionError('COMMAND_FAILED', `${program} ${why}`, { program, stderr: lastLines(stderr) }, cause);
    child.on('error', (error) => finish(() => reject(failed(`could not be started: ${error.message}`, error))));
    child.on('close', (code) => {
      finish(() => {
        if (failure === null) resolve({ code, stdout, stderr });
        else reject(failed(failure));
      });
    });
  });
}

/** The last `count` lines of a program's output, without blank ones, for an error message. */
export function lastLines(text: string, count = 3): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return lines.slice(-count).map(printable).join(' | ');
}
