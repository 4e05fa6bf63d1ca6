/** Asks before the actor of a camera is restarted. */
import { request } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { ConfirmDialog } from '../../parts/confirm-dialog.tsx';
import { toast } from '../../parts/toast.tsx';

export const RestartDialog = (props: {
  cameraId: string;
  name: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) => (
  <ConfirmDialog
    id="restart-camera"
    open={props.open}
    onClose={() => props.onOpenChange(false)}
    title={t('camera.restartTitle', { name: props.name })}
    description={t('camera.restartText')}
    action={t('camera.restart')}
    look="primary"
    run={() => request('/api/supervisor/restart', { method: 'POST', body: { path: `/cameras/${props.cameraId}` } })}
    onDone={() => {
      toast({ type: 'success', text: t('camera.restarted', { name: props.name }) });
      props.onOpenChange(false);
    }}
  />
);
