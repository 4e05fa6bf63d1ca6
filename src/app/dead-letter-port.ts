import type { DeadLetterBox } from '../infra/nats/dead-letter-box.ts';
import { asError } from '../runtime/errors.ts';
import type { Log } from '../infra/log.ts';

const RECENT_MS = 3_600_000;

/**
 * A notice for health when messages became dead letters within the last hour, on any node. None if NATS cannot tell.
 */
export async function deadLetterNotices(
  box: Pick<DeadLetterBox, 'newestAt'>,
  now: number,
  log: Pick<Log, 'debug'>,
): Promise<readonly string[]> {
  try {
    const at = await box.newestAt();
    return at === null || now - at > RECENT_MS
      ? []
      : [
          `messages were given up within the last hour, the newest at ${new Date(at).toISOString()}: ` +
            'see npm run gantry -- dlq list',
        ];
  } catch (thrown) {
    // An unavailable NATS has a notice of its own.
    log.debug({ err: asError(thrown).message }, 'dead letters cannot be looked at');
    return [];
  }
}
