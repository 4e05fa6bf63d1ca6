import { z } from 'zod';

/** A time in a query; parsed to epoch ms. */
export const RequestTime = z.iso
  .datetime({ offset: true, error: 'must be a time such as 2026-11-21T08:00:00Z' })
  .transform((text) => Date.parse(text));

/** For `refine`: a span whose ends are both given does not end before it begins. */
export const isSpan = ({
  from,
  to,
}: {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}): boolean => from === undefined || to === undefined || from <= to;
export const NO_SPAN = { path: ['to'], message: 'must not be before from' };
