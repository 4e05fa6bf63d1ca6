/** The keys of the view, and whether single ones act. */
import { For } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Switch } from '../../parts/switch.tsx';

/** Arrow keys have the same name everywhere. */
const KEYS = [
  [['j'], 'next'],
  [['k'], 'previous'],
  [['a'], 'acknowledge'],
  [['1'], 'true'],
  [['2'], 'false'],
  [['3'], 'unclear'],
  [['s'], 'shelve'],
  [['n'], 'fresh'],
  [['?'], 'help'],
  [['Esc'], 'close'],
  [['↑', '↓'], 'list'],
  [['Enter'], 'open'],
] as const;

export function ShortcutsDialog(props: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  on: boolean;
  onToggle: (on: boolean) => void;
}) {
  return (
    <Dialog id="keys" open={props.open} onOpenChange={props.onOpenChange} title={t('alerts.keys.title')}>
      <Switch label={t('alerts.keys.on')} name="single-keys" checked={props.on} onChange={props.onToggle} />
      <p class="muted">{t('alerts.keys.hint')}</p>
      <dl class="facts">
        <For each={KEYS}>
          {([names, meaning]) => (
            <>
              <dt>
                <For each={names}>{(name) => <kbd>{name}</kbd>}</For>
              </dt>
              <dd>{t(`alerts.keys.${meaning}`)}</dd>
            </>
          )}
        </For>
      </dl>
    </Dialog>
  );
}
