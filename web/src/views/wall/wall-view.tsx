/** The wall: the pictures of all cameras, in the order and number of choice, and the newest alerts. */
import { createSignal, Show } from 'solid-js';
import { may } from '../../api/session.ts';
import { cameraIds, camerasListed } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { AddCameraDialog } from './camera-form.tsx';
import { RemoveCameraDialog } from './remove-camera.tsx';
import { Tiles } from './tiles.tsx';
import { Toolbar } from './toolbar.tsx';
import { WallAlerts } from './wall-alerts.tsx';
import { createWallModel } from './wall-model.ts';
import './wall.css';

export default function WallView() {
  const model = createWallModel();
  const [adding, setAdding] = createSignal(false);
  const [removing, setRemoving] = createSignal<string | null>(null);
  return (
    <div class="wall">
      <section class="wall-main" aria-labelledby="wall-title">
        <h2 id="wall-title" class="hidden">
          {t('wall.title')}
        </h2>
        <Toolbar model={model} onAdd={() => setAdding(true)} />
        <Show when={camerasListed()} fallback={<p class="empty">{t('shell.loading')}</p>}>
          <Show when={cameraIds().length > 0} fallback={<NoCamera />}>
            <Tiles model={model} onRemove={setRemoving} />
          </Show>
        </Show>
      </section>
      <WallAlerts />
      <Show when={may('admin')}>
        <AddCameraDialog open={adding()} onOpenChange={setAdding} />
        <RemoveCameraDialog cameraId={removing()} onClose={() => setRemoving(null)} />
      </Show>
    </div>
  );
}

const NoCamera = () => (
  <div id="no-cameras" class="empty">
    <p>{t('wall.empty')}</p>
    <p>{t('wall.emptyHint')}</p>
  </div>
);
