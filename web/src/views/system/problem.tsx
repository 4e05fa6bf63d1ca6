import { Show } from 'solid-js';
import { reasonOf } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';

/** Why a part could not be loaded; nothing while it could. */
export const Problem = (props: { error: unknown }) => (
  <Show when={props.error}>
    <p class="notice" data-level="bad" role="alert">
      {reasonOf(props.error, t('shell.noAnswer'))}
    </p>
  </Show>
);
