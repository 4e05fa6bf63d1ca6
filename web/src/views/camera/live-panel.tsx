/** The live video of a camera, without boxes. It plays while the page is visible. */
import { createEffect, createSignal, on, onCleanup, onMount, Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { createLiveVideo } from '../../live/create-live-video.ts';
import { Button } from '../../parts/button.tsx';

export function LivePanel(props: { cameraId: string; name: string; on: boolean; onChange: (on: boolean) => void }) {
  const [ended, setEnded] = createSignal<string | null>(null);
  const [visible, setVisible] = createSignal(!document.hidden);
  onMount(() => {
    const onVisibility = (): void => {
      setVisible(!document.hidden);
    };
    document.addEventListener('visibilitychange', onVisibility);
    onCleanup(() => document.removeEventListener('visibilitychange', onVisibility));
  });
  createEffect(on([() => props.on, visible], () => setEnded(null)));
  const plays = (): boolean => props.on && visible() && ended() === null;
  const note = (): string => {
    if (!props.on) return t('camera.liveOff');
    const reason = ended();
    return reason === null ? '' : t('camera.liveEnded', { reason: reason === '' ? t('wall.liveNone') : reason });
  };
  return (
    <>
      <Show when={plays()} fallback={<p class="camera-live camera-live-off">{note()}</p>}>
        <Playing cameraId={props.cameraId} name={props.name} onEnd={setEnded} />
      </Show>
      <div class="row">
        <Button
          aria-pressed={plays()}
          onClick={() => {
            // A video that ended is started again.
            if (props.on && ended() !== null) setEnded(null);
            else props.onChange(!props.on);
          }}
        >
          {plays() ? t('camera.liveStop') : t('camera.liveStart')}
        </Button>
      </div>
    </>
  );
}

function Playing(props: { cameraId: string; name: string; onEnd: (reason: string) => void }) {
  let holder: HTMLDivElement | undefined;
  const shown = createLiveVideo(
    props.cameraId,
    () => holder,
    (reason) => props.onEnd(reason),
  );
  return (
    <div class="camera-live" ref={holder} role="group" aria-label={t('wall.liveOf', { name: props.name })}>
      <p class="camera-live-note" role="status">
        {shown() ? t('wall.liveShown') : t('wall.liveStarting')}
      </p>
    </div>
  );
}
