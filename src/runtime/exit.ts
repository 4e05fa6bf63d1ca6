/**
 * Why an incarnation ended by itself. `normal`: its work is done. `shutdown`: it ended because something else did. An
 * Error: it failed. Erlang/OTP's exit reasons `normal`, `shutdown` (and `{shutdown, Term}`), and anything else.
 */
export type ExitReason = 'normal' | 'shutdown' | Error;

export const isFailure = (reason: ExitReason): reason is Error => reason instanceof Error;

/** Sent to each watcher of an actor, exactly once, when the actor ended for good. A restart is not an end. */
export interface Terminated {
  readonly type: 'terminated';
  readonly path: string;
  /**
   * `stopped`: by its supervisor. `exited`: by its own decision. `failed`: given up. `absent`: there was no such actor.
   */
  readonly how: 'stopped' | 'exited' | 'failed' | 'absent';
}

/** A notice from the runtime, delivered between messages. A type of its own, so that no actor can send one. */
export type Signal = Terminated;
