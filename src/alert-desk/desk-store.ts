import type { Bus, Parser } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import { streams } from '../messages/subjects.ts';

/** The newest state of each subject of the stream ALERT_DESK, shared by all nodes. */
export interface DeskStore extends Pick<Bus, 'follow' | 'last' | 'read'> {
  /**
   * Stores a body in the place of the newest one on `subject`, if that still has the sequence `before` (0: there is
   * none). Null when another node wrote in between. Rejects `BUS_DOWN`.
   */
  replace(subject: string, body: object, before: number): Promise<number | null>;
}

/** Tries of a change while other nodes write at the same moment. */
export const MOST_TRIES = 10;

/** The outcome of a change. `body` replaces the newest one; absent: nothing is stored. */
export interface Changed<T, R> {
  readonly result: R;
  readonly body?: T;
}

/**
 * Changes the newest body on a subject of the stream ALERT_DESK, and again when another node wrote in between. Resolves
 * to the result of the change that counts, and to the stored body with its sequence; null where nothing was stored.
 * Rejects `BUS_DOWN`.
 *
 * @param change gets the newest body; null: there is none
 */
export async function changeNewest<T extends object, R>(
  store: DeskStore,
  { subject, parser }: { readonly subject: string; readonly parser: Parser<T> },
  change: (newest: T | null) => Changed<T, R>,
): Promise<{ readonly result: R; readonly stored: { readonly body: T; readonly seq: number } | null }> {
  for (let attempt = 1; attempt <= MOST_TRIES; attempt += 1) {
    const newest = await store.last({ stream: streams.alertDesk, subject, parser });
    const { result, body } = change(newest?.body ?? null);
    if (body === undefined) return { result, stored: null };
    const seq = await store.replace(subject, body, newest?.seq ?? 0);
    if (seq !== null) return { result, stored: { body, seq } };
  }
  throw new InfraError('BUS_DOWN', `${subject} is being changed by too many at once`, { subject });
}
