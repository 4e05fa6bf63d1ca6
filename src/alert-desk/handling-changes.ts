import type { AlertHandling } from '../messages/alert-handling.ts';

/** The author of a change to an alert's handling, and its time (epoch ms). */
export interface Actor {
  readonly by: string;
  readonly now: number;
}

/** Returns the handling after a change; the same object when nothing changes. Pure. */
export type HandlingChange = (known: AlertHandling) => AlertHandling;

export const unhandled = ({ alertId, cameraId }: Pick<AlertHandling, 'alertId' | 'cameraId'>): AlertHandling => ({
  alertId,
  cameraId,
  acknowledged: null,
  verdict: null,
  comment: null,
  revision: 0,
});

/** Keeps the first acknowledgement. */
export const acknowledge =
  (actor: Actor): HandlingChange =>
  (known) =>
    known.acknowledged === null ? changed(known, { acknowledged: signed(actor) }) : known;

export const takeBackAcknowledgement: HandlingChange = (known) =>
  known.acknowledged === null ? known : changed(known, { acknowledged: null });

/** @param comment absent: the one that is there stays; empty: it is removed */
export const giveVerdict =
  (
    {
      value,
      comment,
    }: {
      readonly value: NonNullable<AlertHandling['verdict']>['value'] | null;
      readonly comment?: string | undefined;
    },
    actor: Actor,
  ): HandlingChange =>
  (known) => {
    const sameVerdict = (known.verdict?.value ?? null) === value;
    const sameComment = comment === undefined || (known.comment?.text ?? '') === comment;
    if (sameVerdict && sameComment) return known;
    return changed(known, {
      ...(sameVerdict ? {} : { verdict: value === null ? null : { value, ...signed(actor) } }),
      ...(sameComment ? {} : { comment: comment === '' ? null : { text: comment, ...signed(actor) } }),
    });
  };

const signed = ({ by, now }: Actor): { by: string; at: string } => ({ by, at: new Date(now).toISOString() });

const changed = (known: AlertHandling, part: Partial<AlertHandling>): AlertHandling => ({
  ...known,
  ...part,
  revision: known.revision + 1,
});
