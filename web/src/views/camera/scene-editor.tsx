/** Draws, checks, tries and saves the scene of one camera. */
import { createSignal, For, onCleanup, onMount, Show } from 'solid-js';
import type { SceneConfig } from '../../../../src/messages/scene.ts';
import { may } from '../../api/session.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { toastFailure } from '../../parts/toast.tsx';
import { CalibrationPanel } from './scene-calibration-panel.tsx';
import { DryRunPanel } from './scene-dry-run.tsx';
import { LeaveGuard, RemoveSceneDialog, SceneConflictDialog } from './scene-dialogs.tsx';
import { createSceneModel, type Panel, type SceneModel } from './scene-model.ts';
import { type PanelProps, PartsPanel } from './scene-parts-panel.tsx';
import { PicturePanel } from './scene-picture-panel.tsx';
import { isAbout, type SceneProblem } from './scene-problems.ts';
import { createSaving, type StoredScene } from './scene-saving.ts';
import { drawingText, SceneStage } from './scene-stage.tsx';
import { ThresholdsPanel } from './scene-thresholds-panel.tsx';
import { SceneTools } from './scene-tools.tsx';

export interface ScenePicture {
  /** Of an object in memory. */
  readonly url: string;
  /** px */
  readonly width: number;
  readonly height: number;
}

export interface SceneEditorProps {
  readonly id: string;
  readonly name: string;
  readonly scene: SceneConfig;
  readonly stored: StoredScene;
  readonly picture: ScenePicture | null;
  readonly loadPicture: () => Promise<ScenePicture | null>;
}

const PANELS: readonly Panel[] = ['parts', 'calibration', 'thresholds', 'picture', 'dryRun'];

export function SceneEditor(props: SceneEditorProps) {
  const model = createSceneModel(props.scene, props.stored.scene);
  const [picture, setPicture] = createSignal(props.picture);
  const [zoom, setZoom] = createSignal(1);
  const [grid, setGrid] = createSignal(true);
  const [removing, setRemoving] = createSignal(false);
  const saving = createSaving(props.id, model, props.stored, (problem) => reveal(model, problem));
  const readOnly = (): boolean => !may('operator');
  onKeys(model, () => {
    if (!readOnly()) void saving.save();
  });
  return (
    <div class="scene-editor">
      <header class="row scene-head">
        <h2>{t('scene.title', { name: props.name })}</h2>
        <a href={`#/cameras/${encodeURIComponent(props.id)}`}>{t('scene.back')}</a>
        <SaveButtons
          model={model}
          readOnly={readOnly()}
          busy={saving.busy()}
          onSave={() => void saving.save()}
          onRemove={() => setRemoving(true)}
        />
      </header>
      <Show when={readOnly()}>
        <p class="muted">{t('scene.readOnly')}</p>
      </Show>
      <div class="scene-columns">
        <section class="scene-left" aria-label={t('scene.stage')}>
          <SceneTools
            model={model}
            readOnly={readOnly()}
            zoom={zoom()}
            onZoom={setZoom}
            grid={grid()}
            onGrid={setGrid}
            onPicture={() => void props.loadPicture().then((next) => next !== null && setPicture(next), toastFailure)}
          />
          <SceneStage
            model={model}
            picture={picture()}
            name={props.name}
            zoom={zoom()}
            grid={grid()}
            readOnly={readOnly()}
          />
          <DrawingStatus model={model} />
          <Problems model={model} />
          <Keys />
        </section>
        <Side id={props.id} name={props.name} model={model} picture={picture()} readOnly={readOnly()} />
      </div>
      <RemoveSceneDialog
        name={props.name}
        open={removing()}
        onOpenChange={setRemoving}
        onRemove={() => saving.remove()}
      />
      <SceneConflictDialog saving={saving} />
      <LeaveGuard changed={model.changed()} />
    </div>
  );
}

/** The forms beside the picture. */
function Side(props: PanelProps & { id: string; name: string; picture: ScenePicture | null }) {
  const contents = {
    parts: () => <PartsPanel model={props.model} readOnly={props.readOnly} />,
    calibration: () => <CalibrationPanel model={props.model} readOnly={props.readOnly} />,
    thresholds: () => <ThresholdsPanel model={props.model} readOnly={props.readOnly} />,
    picture: () => <PicturePanel model={props.model} readOnly={props.readOnly} picture={props.picture} />,
    dryRun: () => <DryRunPanel model={props.model} cameraId={props.id} readOnly={props.readOnly} />,
  };
  return (
    <section class="card scene-side" aria-label={t('scene.title', { name: props.name })}>
      <Tabs
        label={t('scene.title', { name: props.name })}
        tabs={PANELS.map((value) => ({ value, label: t(`scene.tab.${value}`), content: contents[value] }))}
        value={props.model.panel()}
        onChange={(value) => props.model.show(PANELS.find((each) => each === value) ?? 'parts')}
      />
    </section>
  );
}

function SaveButtons(props: {
  model: SceneModel;
  readOnly: boolean;
  busy: boolean;
  onSave: () => void;
  onRemove: () => void;
}) {
  const { model } = props;
  const revert = (): void => {
    const { width, height } = model.scene();
    model.edit(model.saved() ?? { width, height, zones: [], lines: [] });
  };
  return (
    <div class="row scene-save">
      <span class="muted" role="status" data-changed={model.changed()}>
        {model.changed() ? t('scene.changed') : t('scene.unchanged')}
      </span>
      <Show when={!props.readOnly}>
        <Button look="primary" disabled={props.busy || !model.changed()} onClick={() => props.onSave()}>
          {t('scene.save')}
        </Button>
        <Button disabled={!model.changed()} onClick={revert}>
          {t('scene.revert')}
        </Button>
        <Button disabled={props.busy || model.saved() === null} onClick={() => props.onRemove()}>
          {t('scene.remove')}
        </Button>
      </Show>
    </div>
  );
}

/** Instructions while drawing, and where the cross is. */
const DrawingStatus = (props: { model: SceneModel }) => {
  const at = (): string => {
    const { drawing } = props.model;
    const [x, y] = drawing.cursor();
    return drawing.tool() === 'select' ? '' : t('scene.drawing.at', { x, y });
  };
  return (
    <>
      <p class="hint">{drawingText(props.model)}</p>
      <p class="hidden" role="status">
        {at()}
      </p>
    </>
  );
};

/** Shown in a list of their own too: the field of a problem may be out of sight. */
function Problems(props: { model: SceneModel }) {
  const problems = () => props.model.problems().slice(0, 20);
  return (
    <div class="scene-problems" role="status">
      <Show when={problems().length > 0} fallback={<p class="muted">{t('scene.noProblems')}</p>}>
        <p class="error">{t('scene.problems', { count: props.model.problems().length })}</p>
        <ul>
          <For each={problems()}>
            {(problem) => (
              <li>
                <Button look="quiet" onClick={() => reveal(props.model, problem)}>
                  <code>{problem.field}</code> {problem.message}
                </Button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </div>
  );
}

/** Shows the panel and the part of a problem, and moves the focus to its field. */
function reveal(model: SceneModel, problem: SceneProblem): void {
  const part = /^(zones|lines|calibration)\[(\d+)\]/u.exec(problem.field);
  const list = part?.[1];
  if (list === 'zones' || list === 'lines' || list === 'calibration') {
    model.select({ list, index: Number(part?.[2]) });
  } else if (isAbout(problem, 'thresholds')) model.show('thresholds');
  else if (isAbout(problem, 'calibration')) model.show('calibration');
  else model.show(problem.field === 'speedLimitKmh' ? 'parts' : 'picture');
  requestAnimationFrame(() => {
    const inputs = [...document.querySelectorAll<HTMLElement>('.scene-side [name]')];
    const own = inputs.find((each) => each.getAttribute('name') === problem.field);
    const wrong = document.querySelector<HTMLElement>('.scene-side [aria-invalid="true"]');
    (own ?? wrong ?? document.querySelector<HTMLElement>('[data-handle]'))?.focus();
  });
}

const KEYS = ['tab', 'arrows', 'enter', 'remove', 'undo', 'save', 'escape'] as const;

const Keys = () => (
  <details class="scene-keys">
    <summary>{t('scene.keys')}</summary>
    <ul>
      <For each={KEYS}>{(key) => <li>{t(`scene.keyList.${key}`)}</li>}</For>
    </ul>
  </details>
);

/** Undo, redo and save by keys, wherever the focus is; a field of text has its own undo. */
function onKeys(model: SceneModel, save: () => void): void {
  const onKey = (event: KeyboardEvent): void => {
    if (model.drawing.tool() !== 'select' && event.key === 'Escape') model.drawing.cancel();
    else if (!(event.ctrlKey || event.metaKey ? commands(event, model, save) : deselected(event, model))) return;
    event.preventDefault();
  };
  onMount(() => {
    document.addEventListener('keydown', onKey);
    onCleanup(() => document.removeEventListener('keydown', onKey));
  });
}

const isTyping = ({ target }: KeyboardEvent): boolean =>
  target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;

/** Returns false for keys that do nothing here. */
function commands(event: KeyboardEvent, model: SceneModel, save: () => void): boolean {
  const key = event.key.toLowerCase();
  if (key === 's') save();
  else if (isTyping(event)) return false;
  else if (key === 'y' || (key === 'z' && event.shiftKey)) model.redo();
  else if (key === 'z') model.undo();
  else return false;
  return true;
}

function deselected(event: KeyboardEvent, model: SceneModel): boolean {
  // A dialog or a list that is open takes Escape for itself.
  const isFree = !isTyping(event) && document.querySelector('[role="alertdialog"], [role="listbox"]') === null;
  if (event.key !== 'Escape' || !isFree || model.selected() === null) return false;
  model.select(null);
  return true;
}
