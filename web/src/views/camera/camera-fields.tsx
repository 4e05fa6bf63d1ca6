/** The settings of a camera that both of its forms have. */
import { groupNames } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Combobox } from '../../parts/combobox.tsx';
import { errorTextFor, Field } from '../../parts/field.tsx';
import { Select } from '../../parts/select.tsx';

const TRANSPORTS = ['auto', 'tcp', 'udp'] as const;
/** The API's limit. */
const MOST_GROUPS = 8;

/** As a form has them; empty: the default of the API. */
export interface CommonSettings {
  readonly intervalSeconds: string;
  readonly freshnessSeconds: string;
  readonly prompt: string;
  /** `auto` is the default of the API. */
  readonly transport: string;
  readonly certificateSha256: string;
  readonly groups: readonly string[];
}

export interface SettingProps {
  readonly fields: CommonSettings;
  readonly onChange: (fields: Partial<CommonSettings>) => void;
  readonly error: unknown;
}

export const IntervalField = (props: SettingProps) => (
  <Field
    name="intervalSeconds"
    label={t('wall.field.intervalSeconds')}
    inputmode="decimal"
    value={props.fields.intervalSeconds}
    onInput={(intervalSeconds) => props.onChange({ intervalSeconds })}
    error={props.error}
  />
);

export const FreshnessField = (props: SettingProps & { hint: string }) => (
  <Field
    name="freshnessSeconds"
    label={t('wall.field.freshnessSeconds')}
    hint={props.hint}
    optional
    inputmode="decimal"
    value={props.fields.freshnessSeconds}
    onInput={(freshnessSeconds) => props.onChange({ freshnessSeconds })}
    error={props.error}
  />
);

export const GroupsField = (props: SettingProps) => (
  <>
    <Combobox
      name="groups"
      label={t('wall.field.groups')}
      multiple
      custom
      placeholder={t('wall.field.groupsHint')}
      values={props.fields.groups}
      onChange={(groups) => props.onChange({ groups: groups.slice(0, MOST_GROUPS) })}
      options={groupNames().map((value) => ({ value, label: value }))}
    />
    <p class="error">{errorTextFor('groups', props.error)}</p>
  </>
);

/** Prompt, transport and certificate. */
export const SourceFields = (props: SettingProps) => (
  <>
    <Field
      name="prompt"
      label={t('wall.field.prompt')}
      optional
      multiline
      value={props.fields.prompt}
      onInput={(prompt) => props.onChange({ prompt })}
      error={props.error}
    />
    <Select
      name="transport"
      label={t('wall.field.transport')}
      value={props.fields.transport}
      options={TRANSPORTS.map((value) => ({ value, label: t(`wall.field.transports.${value}`) }))}
      onChange={(transport) => props.onChange({ transport })}
    />
    <Field
      name="certificateSha256"
      label={t('wall.field.certificateSha256')}
      hint={t('wall.field.certificateHint')}
      optional
      value={props.fields.certificateSha256}
      onInput={(certificateSha256) => props.onChange({ certificateSha256 })}
      error={props.error}
    />
  </>
);
