/** The video around an alert: a button, and a player once it is pressed. */
import { createSignal, onCleanup, Show } from 'solid-js';
import { ApiError, loadFile } from '../api/request.ts';
import { t } from '../i18n/index.ts';
import { Button } from '../parts/button.tsx';

/** Time for the largest clip on a slow line. */
const LOAD_MS = 60_000;

/** Ends the clip that plays: a clip takes megabytes, so there is one at a time. */
let endPlaying: (() => void) | null = null;

type State =
  | { readonly name: 'closed' | 'loading' }
  | { readonly name: 'failed'; readonly reason: string }
  | { readonly name: 'playing' | 'unplayable'; readonly url: string };

export function Clip(props: { alertId: string }) {
  const [state, setState] = createSignal<State>({ name: 'closed' });
  const loading = new AbortController();
  const url = (): string | null => {
    const now = state();
    return 'url' in now ? now.url : null;
  };
  const close = (): void => {
    const known = url();
    if (known !== null) URL.revokeObjectURL(known);
    if (endPlaying === close) endPlaying = null;
    setState({ name: 'closed' });
  };
  const open = async (): Promise<void> => {
    if (state().name === 'loading') return;
    setState({ name: 'loading' });
    try {
      const path = `/api/alerts/${encodeURIComponent(props.alertId)}/clip.mp4`;
      const file = await loadFile(path, LOAD_MS, loading.signal);
      if (loading.signal.aborted) return;
      endPlaying?.();
      endPlaying = close;
      setState({ name: 'playing', url: URL.createObjectURL(file) });
    } catch (thrown) {
      const reason = thrown instanceof ApiError ? thrown.message.replace(/^id: /u, '') : t('wall.clipFailed');
      setState({ name: 'failed', reason });
    }
  };
  onCleanup(() => {
    loading.abort();
    close();
  });
  const note = (): string => {
    const now = state();
    if (now.name === 'loading') return t('wall.clipLoading');
    return now.name === 'failed' ? now.reason : '';
  };
  return (
    <div class="clip">
      <Button class="small" onClick={() => (url() === null ? void open() : close())}>
        {url() === null ? t('wall.clip') : t('wall.closeClip')}
      </Button>
      <span class="muted" role="status">
        {note()}
      </span>
      <Show when={url()}>
        {(address) => (
          <Show
            when={state().name === 'playing'}
            fallback={
              <span class="muted">
                {t('wall.clipUnplayable')}:{' '}
                <a href={address()} download="clip.mp4">
                  {t('wall.clipSave')}
                </a>
              </span>
            }
          >
            <video
              src={address()}
              controls
              autoplay
              playsinline
              ref={(video) => (video.muted = true)}
              // As H.265 in many browsers.
              onError={() => setState({ name: 'unplayable', url: address() })}
            />
          </Show>
        )}
      </Show>
    </div>
  );
}
