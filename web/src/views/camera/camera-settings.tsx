/** The dialog that changes the settings of a camera. Operators may switch it on and off; admins may change all. */
import { Show } from 'solid-js';
import { createStore } from 'solid-js/store';
import { request } from '../../api/request.ts';
import { may } from '../../api/session.ts';
import { FormError } from '../../parts/form-error.tsx';
import { type CameraView, cameraCell } from '../../feed/cameras.ts';
import { reloadCameras } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { Switch } from '../../parts/switch.tsx';
import { toast } from '../../parts/toast.tsx';
import { FreshnessField, GroupsField, IntervalField, SourceFields } from './camera-fields.tsx';
import { type CameraSettings, patchOf, settingsOf } from './camera-patch.ts';

const FIELDS = ['name', 'url', 'intervalSeconds', 'freshnessSeconds', 'prompt', 'certificateSha256', 'groups'];

export const CameraSettingsDialog = (props: {
  cameraId: string;
  name: string;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) => (
  <Dialog
    id="camera-settings"
    open={props.open}
    onOpenChange={props.onOpenChange}
    title={t('camera.editTitle', { name: props.name })}
  >
    <Loaded cameraId={props.cameraId} onDone={() => props.onOpenChange(false)} />
  </Dialog>
);

/** The form starts with the settings as they are when it is opened. */
const Loaded = (props: { cameraId: string; onDone: () => void }) => {
  const view = cameraCell(props.cameraId).view();
  return view === null ? <p class="empty">{t('shell.loading')}</p> : <SettingsForm view={view} onDone={props.onDone} />;
};

function SettingsForm(props: { view: CameraView; onDone: () => void }) {
  const before = settingsOf(props.view);
  const [fields, setFields] = createStore<CameraSettings>({ ...before });
  const path = `/api/cameras/${encodeURIComponent(props.view.cameraId)}`;
  const { error, busy, submit } = createSubmit(
    async () => {
      const body = patchOf(before, fields);
      const changes = Object.keys(body).length > 0;
      if (changes) await request(path, { method: 'PATCH', body });
      return changes;
    },
    (changed) => {
      toast(
        changed ? { type: 'success', text: t('camera.saved') } : { type: 'info', text: t('camera.nothingChanged') },
      );
      props.onDone();
      if (changed) void reloadCameras();
    },
  );
  return (
    <form class="form" novalidate onSubmit={submit}>
      <Switch
        label={t('camera.enabled')}
        name="enabled"
        checked={fields.enabled}
        onChange={(enabled) => setFields({ enabled })}
      />
      <Show when={may('admin')} fallback={<p class="muted">{t('camera.adminsOnly')}</p>}>
        <AdminFields view={props.view} fields={fields} onChange={setFields} error={error()} />
      </Show>
      <FormError error={error()} fields={may('admin') ? FIELDS : []} />
      <div class="actions">
        <Button onClick={() => props.onDone()}>{t('shell.cancel')}</Button>
        <Button type="submit" look="primary" disabled={busy()}>
          {t('shell.save')}
        </Button>
      </div>
    </form>
  );
}

interface FieldsProps {
  readonly view: CameraView;
  readonly fields: CameraSettings;
  readonly onChange: (fields: Partial<CameraSettings>) => void;
  readonly error: unknown;
}

const AdminFields = (props: FieldsProps) => (
  <>
    <Field
      name="name"
      label={t('wall.field.name')}
      value={props.fields.name}
      onInput={(name) => props.onChange({ name })}
      error={props.error}
    />
    <Field
      name="url"
      label={t('camera.newUrl')}
      hint={t('camera.newUrlHint', { url: props.view.url })}
      optional
      value={props.fields.url}
      onInput={(url) => props.onChange({ url })}
      error={props.error}
    />
    <IntervalField {...props} />
    <FreshnessField {...props} hint={t('camera.freshnessHint')} />
    <GroupsField {...props} />
    <SourceFields {...props} />
  </>
);
