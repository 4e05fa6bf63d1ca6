/** Questions of the scene editor. */
import { useBeforeLeave, type BeforeLeaveEventArgs } from '@solidjs/router';
import { createSignal, onCleanup, onMount, Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { dayTime } from '../../picture/words.ts';
import type { SceneConflict, SceneSaving } from './scene-saving.ts';

/** Asks before unsaved changes are left, within the page and by closing it. */
export function LeaveGuard(props: { changed: boolean }) {
  const [leaving, setLeaving] = createSignal<BeforeLeaveEventArgs | null>(null);
  useBeforeLeave((event) => {
    if (!props.changed || event.defaultPrevented) return;
    event.preventDefault();
    setLeaving(event);
  });
  onMount(() => {
    const onUnload = (event: BeforeUnloadEvent): void => {
      if (props.changed) event.preventDefault();
    };
    window.addEventListener('beforeunload', onUnload);
    onCleanup(() => window.removeEventListener('beforeunload', onUnload));
  });
  const leave = (): void => {
    const event = leaving();
    setLeaving(null);
    event?.retry(true);
  };
  return (
    <Dialog
      id="leave-scene"
      role="alertdialog"
      open={leaving() !== null}
      onOpenChange={(open) => {
        if (!open) setLeaving(null);
      }}
      title={t('scene.leaveTitle')}
      description={t('scene.leaveText')}
    >
      <div class="actions">
        <Button onClick={() => setLeaving(null)}>{t('scene.stay')}</Button>
        <Button look="danger" onClick={leave}>
          {t('scene.leave')}
        </Button>
      </div>
    </Dialog>
  );
}

export const RemoveSceneDialog = (props: {
  name: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onRemove: () => Promise<void>;
}) => (
  <Dialog
    id="remove-scene"
    role="alertdialog"
    open={props.open}
    onOpenChange={props.onOpenChange}
    title={t('scene.removeTitle', { name: props.name })}
    description={t('scene.removeText')}
  >
    <div class="actions">
      <Button onClick={() => props.onOpenChange(false)}>{t('shell.cancel')}</Button>
      <Button look="danger" onClick={() => void props.onRemove().finally(() => props.onOpenChange(false))}>
        {t('scene.remove')}
      </Button>
    </div>
  </Dialog>
);

/** Asks about a scene that somebody else changed meanwhile. */
export const SceneConflictDialog = (props: { saving: SceneSaving }) => {
  const isGone = (conflict: SceneConflict): boolean => conflict.theirs.scene === null;
  return (
    <Dialog
      id="scene-conflict"
      role="alertdialog"
      open={props.saving.conflict() !== null}
      onOpenChange={(open) => {
        if (!open) props.saving.keepEditing();
      }}
      title={t('scene.conflict.title')}
    >
      <Show when={props.saving.conflict()}>
        {(conflict) => (
          <>
            <p>{conflictText(conflict())}</p>
            <p class="muted">{t('scene.conflict.hint')}</p>
            <div class="actions">
              <Button onClick={() => props.saving.keepEditing()}>{t('scene.conflict.keep')}</Button>
              <Button look="primary" onClick={() => props.saving.loadTheirs()}>
                {t(isGone(conflict()) ? 'scene.conflict.removeHere' : 'scene.conflict.load')}
              </Button>
              <Button look="danger" onClick={() => void props.saving.overwrite()}>
                {t(`scene.conflict.${conflict().attempt}`)}
              </Button>
            </div>
          </>
        )}
      </Show>
    </Dialog>
  );
};

function conflictText({ theirs: { scene, changed } }: SceneConflict): string {
  if (scene === null) return t('scene.conflict.removed');
  if (changed === null) return t('scene.conflict.unknown');
  return t('scene.conflict.by', { by: changed.by, time: dayTime(changed.at) });
}
