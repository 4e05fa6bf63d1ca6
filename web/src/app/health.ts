/** Notices about the health of Gantry. */
import { createEffect, createRoot } from 'solid-js';
import type { HealthReport } from '../../../src/http/schemas/operations-schema.ts';
import { createPoll } from '../api/poll.ts';
import { ApiError } from '../api/request.ts';
import { noticesOf } from '../feed/feed-notices.ts';
import { t } from '../i18n/index.ts';
import { clearNotice, notify } from './notices.ts';

const HEALTH_MS = 5_000;

/** Asks for the health again and again, for as long as the page is open. */
export function watchHealth(): void {
  createRoot(() => {
    const health = createPoll<HealthReport>(() => '/api/health', HEALTH_MS);
    createEffect(() => {
      const [report, error] = [health.data(), health.error()];
      if (error !== null && !(error instanceof ApiError && error.status === 401)) {
        notify('health', () => [{ level: 'bad', text: t('shell.noAnswer') }]);
      } else if (report !== undefined) notify('health', () => noticesOf(report));
      else clearNotice('health');
    });
  });
}
