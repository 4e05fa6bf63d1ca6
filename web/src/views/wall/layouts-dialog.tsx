/** Saves and removes fixed layouts. */
import { createEffect, createSignal, For, on, Show } from 'solid-js';
import { cameraIds, nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Combobox } from '../../parts/combobox.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { MOST_LAYOUT_CAMERAS, withLayout, withoutLayout } from './wall-choice.ts';
import type { WallModel } from './wall-model.ts';

export function LayoutsDialog(props: { model: WallModel; open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog id="layouts" open={props.open} onOpenChange={props.onOpenChange} title={t('wall.saveLayout')}>
      <LayoutForm model={props.model} onSaved={() => props.onOpenChange(false)} />
      <Show when={props.model.choice().layouts.length > 0}>
        <h3>{t('wall.savedLayouts')}</h3>
        <ul class="wall-layouts">
          <For each={props.model.choice().layouts}>
            {({ name }) => (
              <li class="row">
                <span>{name}</span>
                <Button
                  look="quiet"
                  aria-label={t('wall.removeLayout', { name })}
                  onClick={() => props.model.change(withoutLayout(props.model.choice(), name))}
                >
                  ✕
                </Button>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </Dialog>
  );
}

function LayoutForm(props: { model: WallModel; onSaved: () => void }) {
  const [name, setName] = createSignal('');
  const [ids, setIds] = createSignal<readonly string[]>([]);
  const [tried, setTried] = createSignal(false);
  // The cameras that are shown now are a start.
  createEffect(
    on(
      () => props.model.choice().size,
      (size) => {
        const most = size === 'fit' ? MOST_LAYOUT_CAMERAS : Number(size);
        setIds(props.model.shown().slice(0, most));
      },
    ),
  );
  const save = (): void => {
    setTried(true);
    if (name().trim() === '' || ids().length === 0) return;
    props.model.change(withLayout(props.model.choice(), { name: name(), cameraIds: ids() }));
    props.onSaved();
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <p class="muted">{t('wall.layoutHint')}</p>
      <Field
        name="layout"
        label={t('wall.layoutName')}
        value={name()}
        onInput={setName}
        error={tried() && name().trim() === '' ? t('wall.layoutNameMissing') : null}
      />
      <Combobox
        name="layout-cameras"
        label={t('wall.layoutCameras')}
        multiple
        values={ids()}
        onChange={(values) => setIds(values.slice(0, MOST_LAYOUT_CAMERAS))}
        options={cameraIds().map((value) => ({ value, label: nameOf(value) }))}
      />
      <p class="error" role="alert">
        {tried() && ids().length === 0 ? t('wall.layoutCamerasMissing') : ''}
      </p>
      <div class="actions">
        <Button type="submit" look="primary">
          {t('shell.save')}
        </Button>
      </div>
    </form>
  );
}
