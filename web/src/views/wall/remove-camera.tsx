/** Asks before a camera is removed. */
import { ApiError, request } from '../../api/request.ts';
import { nameOf } from '../../feed/cameras.ts';
import { reloadCameras } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { ConfirmDialog } from '../../parts/confirm-dialog.tsx';

/** @param props `cameraId` null: closed */
export function RemoveCameraDialog(props: { cameraId: string | null; onClose: () => void }) {
  const id = (): string => props.cameraId ?? '';
  const remove = async (): Promise<void> => {
    try {
      await request(`/api/cameras/${encodeURIComponent(id())}`, { method: 'DELETE' });
    } catch (thrown) {
      const isRemovedAlready = thrown instanceof ApiError && thrown.status === 404;
      if (!isRemovedAlready) throw thrown;
    }
  };
  return (
    <ConfirmDialog
      id="remove-camera"
      open={props.cameraId !== null}
      onClose={props.onClose}
      title={t('wall.removeTitle')}
      description={t('wall.removeText', { name: nameOf(id()), id: id() })}
      keep={t('wall.keep')}
      action={t('wall.remove')}
      run={remove}
      onDone={() => {
        props.onClose();
        void reloadCameras();
      }}
    />
  );
}
