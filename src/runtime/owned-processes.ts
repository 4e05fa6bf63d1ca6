import { asError } from './errors.ts';

/** Operating-system processes that belong to an incarnation. Whatever it leaves behind is killed with it. */
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
        log.debug({ pid, err: asError(thrown) }, 'process was gone already');
      }
    }
    this.#pids.clear();
  }
}
