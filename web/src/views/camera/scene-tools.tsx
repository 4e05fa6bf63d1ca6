/** The buttons over the picture. */
import { For, Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Switch } from '../../parts/switch.tsx';
import type { Part } from './scene-edits.ts';
import { addCornerAfter, removePoint } from './scene-handle.tsx';
import type { SceneModel } from './scene-model.ts';

const MOST_ZOOM = 4;

const TOOLS = [
  ['zones', 'scene.addZone'],
  ['lines', 'scene.addLine'],
  ['calibration', 'scene.addPoint'],
] as const satisfies readonly (readonly [Part['list'], string])[];

export interface SceneToolsProps {
  readonly model: SceneModel;
  readonly readOnly: boolean;
  readonly zoom: number;
  readonly onZoom: (zoom: number) => void;
  readonly grid: boolean;
  readonly onGrid: (shown: boolean) => void;
  readonly onPicture: () => void;
}

export const SceneTools = (props: SceneToolsProps) => (
  <div class="row scene-tools" role="toolbar" aria-label={t('scene.tools')}>
    <Show when={!props.readOnly}>
      <DrawButtons model={props.model} />
      <EditButtons model={props.model} />
    </Show>
    <Button
      aria-label={t('scene.zoomOut')}
      disabled={props.zoom <= 1}
      onClick={() => props.onZoom(Math.max(1, props.zoom - 0.5))}
    >
      −
    </Button>
    <span class="muted">{t('scene.zoom', { percent: Math.round(props.zoom * 100) })}</span>
    <Button
      aria-label={t('scene.zoomIn')}
      disabled={props.zoom >= MOST_ZOOM}
      onClick={() => props.onZoom(Math.min(MOST_ZOOM, props.zoom + 0.5))}
    >
      +
    </Button>
    <Switch label={t('scene.grid')} checked={props.grid} onChange={props.onGrid} />
    <Button onClick={() => props.onPicture()}>{t('scene.newPicture')}</Button>
  </div>
);

const DrawButtons = (props: { model: SceneModel }) => {
  const { drawing } = props.model;
  return (
    <>
      <For each={TOOLS}>
        {([tool, name]) => (
          <Button
            aria-pressed={drawing.tool() === tool}
            data-tool={tool}
            onClick={() => (drawing.tool() === tool ? drawing.cancel() : drawing.begin(tool))}
          >
            {t(name)}
          </Button>
        )}
      </For>
      <Show when={drawing.tool() !== 'select'}>
        <Show when={drawing.tool() === 'zones'}>
          <Button look="primary" disabled={drawing.points().length < 3} onClick={() => drawing.finish()}>
            {t('scene.finish')}
          </Button>
        </Show>
        <Button onClick={() => drawing.cancel()}>
          {drawing.tool() === 'calibration' ? t('scene.finish') : t('scene.cancel')}
        </Button>
      </Show>
    </>
  );
};

const EditButtons = (props: { model: SceneModel }) => {
  const { model } = props;
  const corner = () => {
    const handle = model.handle();
    const selected = model.selected();
    return handle !== null && selected?.list === handle.part.list && selected.index === handle.part.index
      ? handle
      : null;
  };
  const ofZone = () => {
    const handle = corner();
    return handle?.part.list === 'zones' ? handle : null;
  };
  return (
    <>
      <Button disabled={!model.canUndo()} onClick={() => model.undo()}>
        {t('scene.undo')}
      </Button>
      <Button disabled={!model.canRedo()} onClick={() => model.redo()}>
        {t('scene.redo')}
      </Button>
      <Show when={ofZone()}>
        {(handle) => (
          <>
            <Button disabled={handle().of !== 'corner'} onClick={() => addCornerAfter(model, handle())}>
              {t('scene.addCorner')}
            </Button>
            <Button onClick={() => removePoint(model, handle())}>{t('scene.removeCorner')}</Button>
          </>
        )}
      </Show>
    </>
  );
};
