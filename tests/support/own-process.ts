import { type ChildProcess, fork, spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';

export interface OwnProcessOptions {
  readonly name: string;
  /** A TypeScript file, run by this Node with a channel for messages; or any program. */
  readonly command: { readonly script: string } | { readonly program: string };
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Its output is added here. */
  readonly logFile: string;
  readonly onMessage?: (message: unknown) => void;
}

/** A process of a test's own, which may be ended, paused and started again under the same name. */
export class OwnProcess {
  readonly #options: OwnProcessOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<number | null> = Promise.resolve(null);

  constructor(options: OwnProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves to the exit code when it ended; null when a signal did it. */
  get exited(): Promise<number | null> {
    return this.#exited;
  }

  /** With other arguments than at the first time, perhaps. */
  start(args: readonly string[] = this.#options.args): void {
    const { command, logFile, onMessage } = this.#options;
    const log = openSync(logFile, 'a');
    const env = { ...process.env, ...this.#options.env };
    const child =
      'script' in command
        ? fork(command.script, args, { env, stdio: ['ignore', log, log, 'ipc'], serialization: 'advanced' })
        : spawn(command.program, args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    if (onMessage !== undefined) child.on('message', onMessage);
    child.on('error', () => undefined); // 'exit' follows, or its log says why there is no process
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  send(message: object): void {
    this.#child?.send(message, () => undefined);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Asked to end; killed after `ms`. Resolves to the exit code. */
  async stop(ms = 8_000): Promise<number | null> {
    if (!this.running) return this.#exited;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), ms);
    const code = await this.#exited;
    clearTimeout(timer);
    return code;
  }

  log(): string {
    return readFileSync(this.#options.logFile, 'utf8');
  }
}
