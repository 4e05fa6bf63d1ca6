/** Zones and counting lines: their lists, and the form of the selected one. */
import { For, Show } from 'solid-js';
import { ZONE_KINDS } from '../../../../src/messages/scene-constants.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Select } from '../../parts/select.tsx';
import type { Part } from './scene-edits.ts';
import { NumberField, TextField } from './scene-fields.tsx';
import type { SceneModel } from './scene-model.ts';
import {
  hasDirection,
  withArrow,
  withKind,
  withLine,
  withoutHandle,
  withoutPart,
  withSceneLimit,
  withTurnedArrow,
  withZone,
  withZoneLimit,
} from './scene-parts.ts';
import { isAbout, messageAbout } from './scene-problems.ts';

export interface PanelProps {
  readonly model: SceneModel;
  readonly readOnly: boolean;
}

export function PartsPanel(props: PanelProps) {
  const scene = () => props.model.scene();
  const part = () => props.model.selected();
  return (
    <div class="form">
      <h3>{t('scene.zones')}</h3>
      <PartList model={props.model} list="zones" empty={t('scene.noZones')} />
      <Show when={selectedIn(part(), 'zones')}>
        {(index) => <ZoneForm model={props.model} readOnly={props.readOnly} index={index().at} />}
      </Show>
      <h3>{t('scene.lines')}</h3>
      <PartList model={props.model} list="lines" empty={t('scene.noLines')} />
      <Show when={selectedIn(part(), 'lines')}>
        {(index) => <LineForm model={props.model} readOnly={props.readOnly} index={index().at} />}
      </Show>
      <NumberField
        name="speedLimitKmh"
        label={t('scene.sceneLimit')}
        hint={t('scene.sceneLimitHint')}
        value={scene().speedLimitKmh}
        disabled={props.readOnly}
        error={messageAbout(props.model.problems(), 'speedLimitKmh')}
        onChange={(limit) => props.model.edit(withSceneLimit(scene(), limit), 'type speedLimitKmh')}
      />
    </div>
  );
}

/** An object, as 0 would count as nothing. */
const selectedIn = (part: Part | null, list: Part['list']): { readonly at: number } | null =>
  part?.list === list ? { at: part.index } : null;

function PartList(props: { model: SceneModel; list: 'zones' | 'lines'; empty: string }) {
  const isSelected = (index: number): boolean => selectedIn(props.model.selected(), props.list)?.at === index;
  const isWrong = (index: number): boolean =>
    props.model.problems().some((problem) => isAbout(problem, `${props.list}[${index}]`));
  return (
    <Show when={props.model.scene()[props.list].length > 0} fallback={<p class="muted">{props.empty}</p>}>
      <ul class="scene-list">
        <For each={props.model.scene()[props.list]}>
          {(each, index) => (
            <li>
              <Button
                aria-pressed={isSelected(index())}
                data-part={`${props.list}[${index()}]`}
                onClick={() => props.model.select(isSelected(index()) ? null : { list: props.list, index: index() })}
              >
                <Show when={isWrong(index())}>
                  <span aria-hidden="true">⚠</span>
                </Show>
                {each.id === '' ? `${index() + 1}` : each.id}
                <Show when={'kind' in each ? each : null}>
                  {(zone) => <span class="scene-kind">{t(`scene.kinds.${zone().kind}`)}</span>}
                </Show>
              </Button>
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}

function ZoneForm(props: PanelProps & { index: number }) {
  const { model } = props;
  const field = (name: string): string => `zones[${props.index}].${name}`;
  const zone = () => model.scene().zones[props.index];
  const error = (name: string): string => messageAbout(model.problems(), field(name));
  return (
    <Show when={zone()}>
      {(known) => (
        <fieldset class="scene-form" disabled={props.readOnly}>
          <TextField
            name={field('id')}
            label={t('scene.id')}
            hint={t('scene.idHint')}
            value={known().id}
            error={error('id')}
            onChange={(id) =>
              model.edit(
                withZone(model.scene(), props.index, (old) => ({ ...old, id })),
                `type ${field('id')}`,
              )
            }
          />
          <Select
            label={t('scene.kind')}
            name="zone-kind"
            value={known().kind}
            disabled={props.readOnly}
            options={ZONE_KINDS.map((value) => ({ value, label: t(`scene.kinds.${value}`) }))}
            onChange={(value) => {
              const kind = ZONE_KINDS.find((each) => each === value);
              if (kind !== undefined && kind !== known().kind) model.edit(withKind(model.scene(), props.index, kind));
            }}
          />
          <NumberField
            name={field('speedLimitKmh')}
            label={t('scene.limit')}
            hint={t('scene.limitHint')}
            value={known().speedLimitKmh}
            error={error('speedLimitKmh')}
            onChange={(limit) =>
              model.edit(withZoneLimit(model.scene(), props.index, limit), `type ${field('speedLimitKmh')}`)
            }
          />
          <Show when={hasDirection(known().kind)}>
            <DirectionButtons model={model} index={props.index} has={known().direction !== undefined} />
          </Show>
          <p class="error" data-error-of={field('polygon')}>
            {[error('direction'), error('polygon')].filter((text) => text !== '').join('; ')}
          </p>
          <div class="actions">
            <Button onClick={() => model.edit(withoutPart(model.scene(), { list: 'zones', index: props.index }))}>
              {t('scene.removeZone')}
            </Button>
          </div>
        </fieldset>
      )}
    </Show>
  );
}

function DirectionButtons(props: { model: SceneModel; index: number; has: boolean }) {
  const { model } = props;
  return (
    <div class="row" role="group" aria-label={t('scene.direction')}>
      <span class="select-label">{t('scene.direction')}</span>
      <Show
        when={props.has}
        fallback={
          <Button onClick={() => model.edit(withArrow(model.scene(), props.index))}>{t('scene.addArrow')}</Button>
        }
      >
        <Button onClick={() => model.edit(withTurnedArrow(model.scene(), props.index))}>{t('scene.turnArrow')}</Button>
        <Button
          onClick={() =>
            model.edit(
              withoutHandle(model.scene(), {
                part: { list: 'zones', index: props.index },
                of: 'direction',
                index: 0,
              }),
            )
          }
        >
          {t('scene.removeArrow')}
        </Button>
      </Show>
    </div>
  );
}

function LineForm(props: PanelProps & { index: number }) {
  const { model } = props;
  const field = (name: string): string => `lines[${props.index}].${name}`;
  const line = () => model.scene().lines[props.index];
  return (
    <Show when={line()}>
      {(known) => (
        <fieldset class="scene-form" disabled={props.readOnly}>
          <TextField
            name={field('id')}
            label={t('scene.id')}
            hint={t('scene.idHint')}
            value={known().id}
            error={messageAbout(model.problems(), field('id'))}
            onChange={(id) =>
              model.edit(
                withLine(model.scene(), props.index, (old) => ({ ...old, id })),
                `type ${field('id')}`,
              )
            }
          />
          <p class="hint">{t('scene.lineHint')}</p>
          <p class="error">{messageAbout(model.problems(), field('points'))}</p>
          <div class="actions">
            <Button
              onClick={() =>
                model.edit(
                  withLine(model.scene(), props.index, ({ points, ...old }) => ({
                    ...old,
                    points: [points[1], points[0]],
                  })),
                )
              }
            >
              {t('scene.turnLine')}
            </Button>
            <Button onClick={() => model.edit(withoutPart(model.scene(), { list: 'lines', index: props.index }))}>
              {t('scene.removeLine')}
            </Button>
          </div>
        </fieldset>
      )}
    </Show>
  );
}
