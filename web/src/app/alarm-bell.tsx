/** The number of open alarms, leading to them; new ones are read out. */
import { A } from '@solidjs/router';
import { openAlarms } from '../feed/alarms.ts';
import { t } from '../i18n/index.ts';
import { lastCall } from './call-operator.ts';

export const AlarmBell = () => (
  <>
    <A
      href="/alerts?tab=alarms"
      class="bell"
      data-open={openAlarms().length > 0}
      aria-label={t('alerts.bell', { count: openAlarms().length })}
    >
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 2a7 7 0 0 0-7 7v5l-2 3h18l-2-3V9a7 7 0 0 0-7-7Zm-3 17a3 3 0 0 0 6 0Z" />
      </svg>
      <span aria-hidden="true">{openAlarms().length}</span>
    </A>
    <span class="hidden" role="status">
      {lastCall()}
    </span>
  </>
);
