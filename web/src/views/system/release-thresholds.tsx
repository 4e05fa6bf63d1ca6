/** The thresholds that a release changes, of each kind of event. In a chunk of its own, for its schemas. */
import { For, Show } from 'solid-js';
import type { EventKind } from '../../../../src/messages/scene-constants.ts';
import { t } from '../../i18n/index.ts';
import { errorTextFor, Field } from '../../parts/field.tsx';
import { numberOrText } from '../../parts/number-or-text.ts';
import { openWhen } from '../../parts/open-when.ts';
import { Switch } from '../../parts/switch.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { type KindThresholds, type ThresholdField, THRESHOLDS } from '../../picture/thresholds.ts';

/** Thresholds as they are typed, by kind and name; of `enabled`, `false` or nothing. */
export type TypedThresholds = Readonly<Partial<Record<EventKind, Readonly<Record<string, string>>>>>;

/** For an order: fields that are empty are left out, and kinds without one. */
export function thresholdsOf(typed: TypedThresholds): Record<string, Record<string, number | string | boolean>> {
  const kinds = Object.entries(typed).map(([kind, fields]) => {
    const filled = Object.entries(fields).filter(([, text]) => text.trim() !== '');
    const values = filled.map(([name, text]) => [name, name === 'enabled' ? false : numberOrText(text)] as const);
    return [kind, Object.fromEntries(values)] as const;
  });
  return Object.fromEntries(kinds.filter(([, values]) => Object.keys(values).length > 0));
}

interface ThresholdsProps {
  readonly typed: TypedThresholds;
  readonly onChange: (typed: TypedThresholds) => void;
  readonly error: unknown;
}

const PATH = 'changes.thresholds';

export default function ReleaseThresholds(props: ThresholdsProps) {
  return <For each={THRESHOLDS}>{(each) => <KindThresholdsForm {...props} thresholds={each} />}</For>;
}

function KindThresholdsForm(props: ThresholdsProps & { readonly thresholds: KindThresholds }) {
  const kind = (): EventKind => props.thresholds.kind;
  const own = (): Readonly<Record<string, string>> => props.typed[kind()] ?? {};
  const change = (name: string, text: string): void =>
    props.onChange({ ...props.typed, [kind()]: { ...own(), [name]: text } });
  const isWrong = (): boolean =>
    props.thresholds.fields.some(({ name }) => errorTextFor(`${PATH}.${kind()}.${name}`, props.error) !== '');
  const label = ({ name, unit }: ThresholdField): string =>
    [t(`scene.threshold.${name}`), t(`scene.unit.${unit}`)].filter((part) => part !== '').join(', ');
  return (
    <details class="release-threshold" data-kind={kind()} ref={(element) => openWhen(element, isWrong)}>
      <summary>
        {nameOfKind(kind())}
        <Show when={Object.values(own()).some((text) => text.trim() !== '')}>
          <span class="mark">{t('scene.own')}</span>
        </Show>
      </summary>
      <Switch
        label={t('scene.found')}
        name={`${PATH}.${kind()}.enabled`}
        checked={own()['enabled'] !== 'false'}
        onChange={(on) => change('enabled', on ? '' : 'false')}
      />
      <For each={props.thresholds.fields}>
        {(field) => (
          <Field
            name={`${PATH}.${kind()}.${field.name}`}
            label={label(field)}
            inputmode="decimal"
            placeholder={String(field.default)}
            value={own()[field.name] ?? ''}
            onInput={(text) => change(field.name, text)}
            error={props.error}
            optional
          />
        )}
      </For>
    </details>
  );
}
