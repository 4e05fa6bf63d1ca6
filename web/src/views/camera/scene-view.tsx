/** The scene editor of one camera: loads the scene and a picture of it, then hands them to the editor. */
import { useParams } from '@solidjs/router';
import { createResource, createSignal, Match, onCleanup, Show, Switch } from 'solid-js';
import { ApiError, loadFile, reasonOf } from '../../api/request.ts';
import { signIns } from '../../api/session.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { SceneEditor, type ScenePicture } from './scene-editor.tsx';
import { loadScene, type StoredScene } from './scene-saving.ts';
import './scene.css';

const PICTURE_MS = 10_000;
/** Where there is neither a scene nor a picture. */
const USUAL = { width: 1_280, height: 720 } as const;

interface Loaded {
  readonly stored: StoredScene;
  readonly picture: ScenePicture | null;
}

export default function SceneView() {
  const params = useParams<{ id: string }>();
  return (
    <Show when={params.id} keyed>
      {(id) => <Loading id={id} />}
    </Show>
  );
}

function Loading(props: { id: string }) {
  const { id } = props;
  const [urls, setUrls] = createSignal<readonly string[]>([]);
  onCleanup(() => urls().forEach((url) => URL.revokeObjectURL(url)));
  const picture = async (): Promise<ScenePicture | null> => {
    const loaded = await loadSnapshot(id);
    if (loaded === null) return null;
    for (const old of urls()) URL.revokeObjectURL(old);
    setUrls([loaded.url]);
    return loaded;
  };
  const load = async (): Promise<Loaded> => {
    const [stored, first] = await Promise.all([loadScene(id), picture()]);
    return { stored, picture: first };
  };
  const [loaded, { refetch }] = createResource(signIns, load);
  // A later sign-in must not throw edits away.
  const [first, setFirst] = createSignal<Loaded | null>(null);
  const ready = (): Loaded | null => {
    const now = first() ?? (loaded.error === undefined ? loaded() : undefined) ?? null;
    if (now !== null && first() === null) queueMicrotask(() => setFirst(now));
    return now;
  };
  return (
    <Switch fallback={<p class="empty">{t('shell.loading')}</p>}>
      <Match when={ready()} keyed>
        {(known) => (
          <SceneEditor
            id={id}
            name={nameOf(id)}
            scene={known.stored.scene ?? { ...sizeOf(known.picture), zones: [], lines: [] }}
            stored={known.stored}
            picture={known.picture}
            loadPicture={picture}
          />
        )}
      </Match>
      <Match when={loaded.error}>
        <div class="empty" role="alert">
          <p>
            {loaded.error instanceof ApiError && loaded.error.code === 'UNKNOWN_CAMERA'
              ? t('camera.unknown', { id })
              : t('scene.failed', { reason: reasonOf(loaded.error, t('shell.noAnswer')) })}
          </p>
          <Button onClick={() => void refetch()}>{t('shell.retry')}</Button>
        </div>
      </Match>
    </Switch>
  );
}

const sizeOf = (picture: ScenePicture | null): { width: number; height: number } =>
  picture === null ? USUAL : { width: picture.width, height: picture.height };

/** Null without an analysed frame of the last minutes. */
async function loadSnapshot(id: string): Promise<ScenePicture | null> {
  try {
    const blob = await loadFile(`/api/cameras/${encodeURIComponent(id)}/snapshot.jpg`, PICTURE_MS);
    const image = new Image();
    image.src = URL.createObjectURL(blob);
    await image.decode();
    return { url: image.src, width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    // The scene can be drawn without: the stage says that there is none.
    return null;
  }
}
