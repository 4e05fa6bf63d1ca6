import { type ExitReason, isFailure } from './exit.ts';
import type { AutoShutdown, Restart, Strategy } from './supervision.ts';

/** The properties of a child that a restart decision depends on. */
export interface Member {
  readonly restart: Restart;
  readonly significant: boolean;
  /** False once it ended without being restarted. */
  readonly running: boolean;
}

/**
 * The consequence of the end of the member at `index`.
 * - `restart`: stop those of `stop` in this order, forget those of `forget`, then start those of `start` in this order.
 * - `leave`: it stays ended (`forget`: and is removed from the list).
 * - `shutdown`: it stays ended, and the supervisor ends as well, with reason `shutdown`.
 */
export type Decision =
  | {
      readonly action: 'restart';
      readonly stop: readonly number[];
      readonly forget: readonly number[];
      readonly start: readonly number[];
    }
  | { readonly action: 'leave'; readonly forget: boolean }
  | { readonly action: 'shutdown'; readonly forget: boolean };

/**
 * Restart decisions of Erlang/OTP's `supervisor`. Permanent children restart always, transient ones after a failure,
 * temporary ones never: they are removed when they end, also when a sibling's restart ends them. A significant child
 * that ends without being restarted may end the supervisor. Source: OTP's `supervisor` reference, "Supervision
 * Principles", "Auto Shutdown" and the child specification's `restart` and `significant`.
 */
export function decide(
  strategy: Strategy,
  autoShutdown: AutoShutdown,
  members: readonly Member[],
  index: number,
  reason: ExitReason,
): Decision {
  const member = members[index];
  if (member === undefined) return { action: 'leave', forget: false };
  const restarts = member.restart === 'permanent' || (member.restart === 'transient' && isFailure(reason));
  if (!restarts) {
    const others = members.filter((each, at) => at !== index && each.significant && each.running);
    const ends =
      member.significant &&
      (autoShutdown === 'any-significant' || (autoShutdown === 'all-significant' && others.length === 0));
    return { action: ends ? 'shutdown' : 'leave', forget: member.restart === 'temporary' };
  }
  const first = strategy === 'one-for-one' ? index : strategy === 'rest-for-one' ? index : 0;
  const last = strategy === 'one-for-one' ? index : members.length - 1;
  const affected = Array.from({ length: last - first + 1 }, (_, offset) => first + offset);
  const isTemporary = (at: number): boolean => members[at]?.restart === 'temporary';
  return {
    action: 'restart',
    stop: affected.filter((at) => at !== index && members[at]?.running === true).toReversed(),
    forget: affected.filter((at) => at !== index && isTemporary(at)),
    // A transient sibling that had ended normally starts again too: the group starts as a whole.
    start: affected.filter((at) => !isTemporary(at)),
  };
}
