import { Clipboard as Ark } from '@ark-ui/solid/clipboard';
import { t } from '../i18n/index.ts';

/** A text to copy, with a button that does it. */
export const CopyField = (props: { label: string; value: string; name?: string }) => (
  <Ark.Root class="copy" value={props.value}>
    <Ark.Label class="select-label">{props.label}</Ark.Label>
    <Ark.Control class="copy-control">
      <Ark.Input data-name={props.name} />
      <Ark.Trigger class="button">
        <Ark.Indicator copied={t('shell.copied')}>{t('shell.copy')}</Ark.Indicator>
      </Ark.Trigger>
    </Ark.Control>
  </Ark.Root>
);
