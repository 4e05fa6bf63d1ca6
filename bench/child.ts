/** Processes of a benchmark and their messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** Starts a file of `folder` in a process of its own; its standard output is dropped. */
export const startChild = (folder: string, file: string, ...args: readonly string[]): ChildProcess =>
  fork(join(folder, file), [...args], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });

/** The next message of a child process; rejects when it ends first. */
export function nextOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`a process of the benchmark ended with ${String(code)}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}
