import type { RefusalReason } from './pool.types.ts';

/** Why a lease is refused, for whoever asked. */
export const REFUSAL_MESSAGES: Readonly<Record<RefusalReason, string>> = {
  'no-keys': 'no API key is enabled: see GET /api/scheduler/stats for the reason of each',
  'tried-all': 'every enabled API key was tried for this task',
  deadline: 'no API key came free before the deadline',
  'queue-full': 'too many requests wait for an API key',
  cancelled: 'the request for an API key was withdrawn',
  duplicate: 'a request of this id waits for an API key already',
  'provider-down': 'the provider does not work: see circuits in GET /api/scheduler/stats',
};

/** A count for each reason. */
export const noRefusals = (): Record<RefusalReason, number> => ({
  'no-keys': 0,
  'tried-all': 0,
  deadline: 0,
  'queue-full': 0,
  cancelled: 0,
  duplicate: 0,
  'provider-down': 0,
});
