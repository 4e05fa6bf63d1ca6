/** The dialog that adds a camera. */
import { createStore } from 'solid-js/store';
import { request } from '../../api/request.ts';
import { reloadCameras } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { errorTextFor, Field } from '../../parts/field.tsx';
import { FormError } from '../../parts/form-error.tsx';
import { openWhen } from '../../parts/open-when.ts';
import { FreshnessField, GroupsField, IntervalField, SourceFields } from '../camera/camera-fields.tsx';
import { cameraBody, type CameraFields, EMPTY_FIELDS } from './camera-body.ts';

const FIELDS = Object.keys(EMPTY_FIELDS);

export const AddCameraDialog = (props: { open: boolean; onOpenChange: (open: boolean) => void }) => (
  <Dialog id="add-camera" open={props.open} onOpenChange={props.onOpenChange} title={t('wall.addTitle')}>
    <AddCameraForm onDone={() => props.onOpenChange(false)} />
  </Dialog>
);

function AddCameraForm(props: { onDone: () => void }) {
  const [fields, setFields] = createStore<CameraFields>({ ...EMPTY_FIELDS });
  const { error, busy, submit } = createSubmit(
    () => request('/api/cameras', { method: 'POST', body: cameraBody(fields) }),
    () => {
      props.onDone();
      void reloadCameras();
    },
  );
  return (
    <form class="form" novalidate onSubmit={submit}>
      <MainFields fields={fields} onChange={setFields} error={error()} />
      <MoreFields fields={fields} onChange={setFields} error={error()} />
      <FormError error={error()} fields={FIELDS} />
      <div class="actions">
        <Button onClick={() => props.onDone()}>{t('shell.cancel')}</Button>
        <Button type="submit" look="primary" disabled={busy()}>
          {t('wall.addSubmit')}
        </Button>
      </div>
    </form>
  );
}

interface FieldsProps {
  readonly fields: CameraFields;
  readonly onChange: (fields: Partial<CameraFields>) => void;
  readonly error: unknown;
}

const MainFields = (props: FieldsProps) => (
  <>
    <Field
      name="cameraId"
      label={t('wall.field.cameraId')}
      hint={t('wall.field.cameraIdHint')}
      value={props.fields.cameraId}
      onInput={(cameraId) => props.onChange({ cameraId })}
      error={props.error}
    />
    <Field
      name="name"
      label={t('wall.field.name')}
      optional
      value={props.fields.name}
      onInput={(name) => props.onChange({ name })}
      error={props.error}
    />
    <Field
      name="url"
      label={t('wall.field.url')}
      hint={t('wall.field.urlHint')}
      placeholder="rtsp://user:password@host:554/path"
      value={props.fields.url}
      onInput={(url) => props.onChange({ url })}
      error={props.error}
    />
    <IntervalField {...props} />
    <GroupsField {...props} />
  </>
);

/** Closed until somebody opens them, or one of them is refused. */
const MoreFields = (props: FieldsProps) => {
  const refused = (): boolean =>
    ['freshnessSeconds', 'prompt', 'transport', 'certificateSha256'].some(
      (name) => errorTextFor(name, props.error) !== '',
    );
  return (
    <details ref={(element) => openWhen(element, refused)}>
      <summary>{t('wall.field.more')}</summary>
      <div class="form">
        <FreshnessField {...props} hint={t('wall.field.freshnessHint')} />
        <SourceFields {...props} />
      </div>
    </details>
  );
};
