/** Calibration points: each a place in the picture and on the road, with the error of the fit. */
import { Index, Show } from 'solid-js';
import type { CalibrationPair } from '../../../../src/messages/scene.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { figure } from '../../picture/words.ts';
import { NumberInput } from './scene-fields.tsx';
import { metreGrid } from './scene-grid.ts';
import { withoutPart, withPair } from './scene-parts.ts';
import type { PanelProps } from './scene-parts-panel.tsx';
import { messageAbout } from './scene-problems.ts';

export function CalibrationPanel(props: PanelProps) {
  const pairs = () => props.model.scene().calibration ?? [];
  const report = () => props.model.checked().report;
  const step = () => {
    const { plane } = props.model.checked();
    return plane === null ? null : metreGrid(plane, pairs()).step;
  };
  return (
    <div class="form">
      <p class="hint">{t('scene.calibrationHint')}</p>
      <Show when={pairs().length > 0} fallback={<p class="muted">{t('scene.notCalibrated')}</p>}>
        <div class="scene-pairs" role="region" aria-label={t('scene.tab.calibration')} tabindex="0">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('scene.point')}</th>
                <th scope="col">{t('scene.imageX')}</th>
                <th scope="col">{t('scene.imageY')}</th>
                <th scope="col">{t('scene.roadX')}</th>
                <th scope="col">{t('scene.roadY')}</th>
                <th scope="col">{t('scene.error')}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              <Index each={pairs()}>{(pair, index) => <PairRow {...props} pair={pair()} index={index} />}</Index>
            </tbody>
          </table>
        </div>
        <p class="error" data-error-of="calibration">
          {messageAbout(props.model.problems(), 'calibration')}
        </p>
      </Show>
      <div role="status">
        <Show when={report()} fallback={<p class="muted">{pairs().length > 0 ? t('scene.noFit') : ''}</p>}>
          {(fit) => (
            <>
              <p class="scene-report">
                {t('scene.report', {
                  rmsPx: figure(fit().rmsPx, 1),
                  rmsM: figure(fit().rmsM, 2),
                  maxPx: figure(fit().maxPx, 1),
                  maxM: figure(fit().maxM, 2),
                })}
              </p>
              <Show when={fit().camera}>
                {(camera) => (
                  <p class="muted">
                    {t('scene.camera', {
                      height: figure(camera().heightM, 1),
                      pitch: figure(camera().pitchDegrees, 1),
                    })}
                  </p>
                )}
              </Show>
            </>
          )}
        </Show>
        <Show when={step()}>{(metres) => <p class="muted">{t('scene.gridStep', { step: metres() })}</p>}</Show>
      </div>
    </div>
  );
}

const COLUMNS = [
  { of: 'image', axis: 0, label: 'scene.imageX' },
  { of: 'image', axis: 1, label: 'scene.imageY' },
  { of: 'road', axis: 0, label: 'scene.roadX' },
  { of: 'road', axis: 1, label: 'scene.roadY' },
] as const;

function PairRow(props: PanelProps & { pair: CalibrationPair; index: number }) {
  const { model } = props;
  const field = (): string => `calibration[${props.index}]`;
  const isSelected = (): boolean => {
    const part = model.selected();
    return part?.list === 'calibration' && part.index === props.index;
  };
  const set = (of: 'image' | 'road', axis: 0 | 1, value: number): void =>
    model.edit(
      withPair(model.scene(), props.index, (old) => {
        const [x, y] = old[of];
        return { ...old, [of]: axis === 0 ? [value, y] : [x, value] };
      }),
      `type ${field()}.${of}[${axis}]`,
    );
  const error = () => model.checked().report?.pairs[props.index];
  return (
    <tr data-selected={isSelected()}>
      <th scope="row">
        <Button
          look="quiet"
          aria-pressed={isSelected()}
          aria-label={`${t('scene.point')} ${props.index + 1}`}
          onClick={() => model.select(isSelected() ? null : { list: 'calibration', index: props.index })}
        >
          {props.index + 1}
        </Button>
      </th>
      <Index each={COLUMNS}>
        {(column) => (
          <td>
            <NumberInput
              name={`${field()}.${column().of}[${column().axis}]`}
              labelled
              label={t('scene.pointField', { field: t(column().label), number: props.index + 1 })}
              value={props.pair[column().of][column().axis]}
              disabled={props.readOnly}
              error={messageAbout(model.problems(), `${field()}.${column().of}`)}
              onChange={(value) => set(column().of, column().axis, value ?? Number.NaN)}
            />
          </td>
        )}
      </Index>
      <td class="muted">
        <Show when={error()}>
          {(known) => t('scene.errorValue', { px: figure(known().px, 1), m: figure(known().m, 2) })}
        </Show>
      </td>
      <td>
        <Show when={!props.readOnly}>
          <Button
            look="quiet"
            aria-label={t('scene.removePoint', { number: props.index + 1 })}
            onClick={() => model.edit(withoutPart(model.scene(), { list: 'calibration', index: props.index }))}
          >
            ✕
          </Button>
        </Show>
      </td>
    </tr>
  );
}
