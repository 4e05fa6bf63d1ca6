/** Every setting of the process that answers, without secrets. */
import { createMemo, createSignal, For, Show } from 'solid-js';
import type { SettingList } from '../../../../src/http/schemas/system-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { t } from '../../i18n/index.ts';
import { Field } from '../../parts/field.tsx';
import { Switch } from '../../parts/switch.tsx';
import { Problem } from './problem.tsx';

export function SettingsTab() {
  // They change with a restart only.
  const poll = createPoll<SettingList>(() => '/api/system/settings', 0);
  const [text, setText] = createSignal('');
  const [givenOnly, setGivenOnly] = createSignal(false);
  const found = createMemo(() => {
    const wanted = text().trim().toLowerCase();
    return (poll.data()?.settings ?? []).filter(
      ({ name, meaning, source }) =>
        `${name} ${meaning}`.toLowerCase().includes(wanted) && (!givenOnly() || source !== 'default'),
    );
  });
  return (
    <>
      <Problem error={poll.error()} />
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        <p class="muted">{t('system.settings.hint')}</p>
        <div class="row system-filters">
          <Field name="search" label={t('system.settings.search')} value={text()} onInput={setText} />
          <Switch label={t('system.settings.givenOnly')} checked={givenOnly()} onChange={setGivenOnly} />
        </div>
        <div class="card wide-table" tabindex="0" role="region" aria-label={t('system.parts.settings')}>
          <table class="lined">
            <thead>
              <tr>
                <th scope="col">{t('system.settings.name')}</th>
                <th scope="col">{t('system.settings.value')}</th>
                <th scope="col">{t('system.settings.from')}</th>
                <th scope="col">{t('system.settings.default')}</th>
                <th scope="col">{t('system.settings.meaning')}</th>
              </tr>
            </thead>
            <tbody>
              <For each={found()}>
                {(setting) => (
                  <tr>
                    <th scope="row">
                      <code>{setting.name}</code>
                    </th>
                    <td>
                      <code>{setting.value}</code>
                    </td>
                    <td>{t(`system.settings.sources.${setting.source}`)}</td>
                    <td>
                      <code>{setting.default}</code>
                    </td>
                    <td lang="en">{setting.meaning}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
          <Show when={found().length === 0}>
            <p class="empty">{t('shell.noMatch')}</p>
          </Show>
        </div>
      </Show>
    </>
  );
}
