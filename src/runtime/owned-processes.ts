import { asError } from './errors.ts';

/** The child processes of one incarnation. Those that are left when it ends are killed. */
export class OwnedProcesses {
  readonly #pids = new Set<number>();

  add(pid: number): void {
    this.#pids.add(pid);
  }

  remove(pid: number): void {
    this.#pids.delete(pid);
  }

  killAll(log: { debug(fields: object, message: string): void }): void {
    for (const pid of this.#pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (thrown) {
        log.debug({ pid, err: asError(thrown) }, 'the process had ended already');
      }
    }
    this.#pids.clear();
  }
}
