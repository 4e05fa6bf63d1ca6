/** Thresholds of each kind of event, and whether it is looked for. */
import { For, Index, Show } from 'solid-js';
import type { EventKind } from '../../../../src/messages/scene-constants.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { openWhen } from '../../parts/open-when.ts';
import { Switch } from '../../parts/switch.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { NumberField } from './scene-fields.tsx';
import { withThreshold } from './scene-parts.ts';
import type { PanelProps } from './scene-parts-panel.tsx';
import { isAbout, messageAbout } from './scene-problems.ts';
import { type KindThresholds, THRESHOLDS, type ThresholdField } from '../../picture/thresholds.ts';

export const ThresholdsPanel = (props: PanelProps) => (
  <div class="form">
    <p class="hint">{t('scene.thresholdsHint')}</p>
    <For each={THRESHOLDS}>{(each) => <KindForm {...props} thresholds={each} />}</For>
  </div>
);

function KindForm(props: PanelProps & { thresholds: KindThresholds }) {
  const { model, thresholds } = props;
  const { kind } = thresholds;
  const own = (): Readonly<Record<string, number | boolean | undefined>> => model.scene().thresholds?.[kind] ?? {};
  const isWrong = (): boolean => model.problems().some((problem) => isAbout(problem, `thresholds.${kind}`));
  const reset = (): void => {
    const { [kind]: _, ...others } = model.scene().thresholds ?? {};
    model.edit({ ...model.scene(), thresholds: others });
  };
  return (
    <details class="scene-threshold" data-kind={kind} ref={(element) => openWhen(element, isWrong)}>
      <summary>
        {nameOfKind(kind)}
        <Show when={own()['enabled'] === false}>
          <span class="mark">{t('scene.off')}</span>
        </Show>
        <Show when={Object.keys(own()).some((name) => name !== 'enabled')}>
          <span class="mark">{t('scene.own')}</span>
        </Show>
      </summary>
      <div class="form">
        <Switch
          label={t('scene.found')}
          name={`thresholds.${kind}.enabled`}
          checked={own()['enabled'] !== false}
          disabled={props.readOnly}
          onChange={(on) => model.edit(withThreshold(model.scene(), kind, 'enabled', on ? undefined : false))}
        />
        <Index each={thresholds.fields}>
          {(field) => <ThresholdInput {...props} kind={kind} field={field()} value={own()[field().name]} />}
        </Index>
        <Show when={!props.readOnly && Object.keys(own()).length > 0}>
          <Button onClick={reset}>{t('scene.defaults')}</Button>
        </Show>
      </div>
    </details>
  );
}

function ThresholdInput(
  props: PanelProps & { kind: EventKind; field: ThresholdField; value: number | boolean | undefined },
) {
  const path = (): string => `thresholds.${props.kind}.${props.field.name}`;
  const label = (): string => {
    const unit = t(`scene.unit.${props.field.unit}`);
    const name = t(`scene.threshold.${props.field.name}`);
    return unit === '' ? name : `${name}, ${unit}`;
  };
  return (
    <NumberField
      name={path()}
      label={label()}
      value={typeof props.value === 'number' ? props.value : undefined}
      placeholder={String(props.field.default)}
      disabled={props.readOnly}
      error={messageAbout(props.model.problems(), path())}
      onChange={(value) =>
        props.model.edit(withThreshold(props.model.scene(), props.kind, props.field.name, value), `type ${path()}`)
      }
    />
  );
}
