/**
 * Why an incarnation ended by itself. `normal`: its work is done. `shutdown`: it ends because something else does.
 * An Error: it failed. Erlang/OTP's exit reasons `normal`, `shutdown` (and `{shutdown, Term}`), and anything else.
 */
export type ExitReason = 'normal' | 'shutdown' | Error;

export const isFailure = (reason: ExitReason): reason is Error => reason instanceof Error;

/** Told to whoever watches an actor, exactly once, when it ended for good: a restart is not an end. */
export interface Terminated {
  readonly type: 'terminated';
  readonly path: string;
  /** `stopped`: by its supervisor. `exited`: its own decision. `failed`: given up. `absent`: nobody was there. */
  readonly how: 'stopped' | 'exited' | 'failed' | 'absent';
}

/** What the runtime tells an actor beside its messages. A type apart: nobody can send one. */
export type Signal = Terminated;
