/** The dialog that starts a release. */
import { createEffect, createSignal, lazy, on, Show, Suspense } from 'solid-js';
import type { ReleaseView } from '../../../../src/http/schemas/releases-schema.ts';
import { ApiError, request } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { FormError } from '../../parts/form-error.tsx';
import { numberOrText } from '../../parts/number-or-text.ts';
import { Select } from '../../parts/select.tsx';
import type { TypedThresholds } from './release-thresholds.tsx';

const loadThresholds = () => import('./release-thresholds.tsx');
const ReleaseThresholds = lazy(loadThresholds);

/** The limits, in the order of the API. */
const LIMITS = ['minAnswers', 'unknownShare', 'failedShare', 'latencyP95Seconds', 'costRatio', 'agreement'] as const;
type Limit = (typeof LIMITS)[number];
const LIMIT_HINTS = {
  minAnswers: 'minAnswersHint',
  unknownShare: 'shareHint',
  failedShare: 'shareHint',
  latencyP95Seconds: 'latencyHint',
  costRatio: 'costHint',
  agreement: 'agreementHint',
} as const satisfies Record<Limit, string>;

const EMPTY = {
  releaseId: '',
  model: '',
  prompt: '',
  detector: '',
  percent: '',
  minAnswers: '',
  unknownShare: '',
  failedShare: '',
  latencyP95Seconds: '',
  costRatio: '',
  agreement: '',
};
type Form = typeof EMPTY;

const FIELDS = [
  'releaseId',
  'changes.model',
  'changes.prompts.text',
  'changes.detector',
  'percent',
  ...LIMITS.map((name) => `limits.${name}`),
];

/** The order of a form: empty fields are left out. */
async function orderOf(form: Form, typed: TypedThresholds, mode: ReleaseView['mode']) {
  const { releaseId, model, prompt, detector, percent } = form;
  const thresholds = Object.keys(typed).length === 0 ? {} : (await loadThresholds()).thresholdsOf(typed);
  const limits = LIMITS.filter((name) => form[name].trim() !== '').map((name) => [name, numberOrText(form[name])]);
  return {
    releaseId: releaseId.trim(),
    mode,
    changes: {
      ...(model.trim() === '' ? {} : { model: model.trim() }),
      ...(prompt.trim() === '' ? {} : { prompts: { text: prompt.trim() } }),
      ...(detector.trim() === '' ? {} : { detector: detector.trim() }),
      ...(Object.keys(thresholds).length === 0 ? {} : { thresholds }),
    },
    ...(percent.trim() === '' ? {} : { percent: numberOrText(percent) }),
    limits: Object.fromEntries(limits),
  };
}

export interface StartReleaseProps {
  readonly open: boolean;
  readonly onClose: () => void;
  /** The list changed. */
  readonly onDone: () => void;
}

export function StartReleaseDialog(props: StartReleaseProps) {
  const [form, setForm] = createSignal(EMPTY);
  const [thresholds, setThresholds] = createSignal<TypedThresholds>({});
  const [mode, setMode] = createSignal<ReleaseView['mode']>('shadow');
  const { error, busy, submit, clear } = createSubmit(
    async () => request('/api/releases', { method: 'POST', body: await orderOf(form(), thresholds(), mode()) }),
    () => {
      props.onDone();
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        setForm(EMPTY);
        setThresholds({});
        setMode('shadow');
        clear();
      },
    ),
  );
  return (
    <Dialog id="start-release" open={props.open} onOpenChange={props.onClose} title={t('system.releases.add')}>
      <form class="form" onSubmit={submit}>
        <ChangeFields form={form()} onChange={setForm} error={error()} />
        <Thresholds typed={thresholds()} onChange={setThresholds} error={error()} />
        <Select
          label={t('system.releases.mode')}
          name="mode"
          value={mode()}
          onChange={(value) => setMode(value === 'share' ? 'share' : 'shadow')}
          options={(['shadow', 'share'] as const).map((value) => ({
            value,
            label: t(`system.releases.modesLong.${value}`),
          }))}
        />
        <LimitFields form={form()} onChange={setForm} error={error()} />
        <FormError error={error()} fields={[...FIELDS, ...thresholdRefusedBy(error())]} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy()}>
            {t('system.releases.add')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

const THRESHOLD = /^changes\.thresholds\.[^.]+\.[^.]+$/u;
/** The name of the refused threshold, which has a field. */
const thresholdRefusedBy = (error: unknown): readonly string[] =>
  error instanceof ApiError && error.field !== null && THRESHOLD.test(error.field) ? [error.field] : [];

interface PartProps {
  readonly form: Form;
  readonly onChange: (form: Form) => void;
  readonly error: unknown;
}

interface OneFieldProps extends PartProps {
  readonly field: keyof Form;
  /** As the API calls it. */
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly multiline?: boolean;
  readonly inputmode?: 'decimal' | 'numeric';
}

const OneField = (props: OneFieldProps) => (
  <Field
    {...props}
    value={props.form[props.field]}
    onInput={(text) => props.onChange({ ...props.form, [props.field]: text })}
    optional={props.field !== 'releaseId'}
  />
);

const ChangeFields = (props: PartProps) => (
  <>
    <OneField
      {...props}
      field="releaseId"
      name="releaseId"
      label={t('system.releases.id')}
      hint={t('system.releases.idHint')}
    />
    <OneField {...props} field="model" name="changes.model" label={t('system.releases.model')} />
    <OneField {...props} field="prompt" name="changes.prompts.text" label={t('system.releases.prompt')} multiline />
    <OneField
      {...props}
      field="detector"
      name="changes.detector"
      label={t('system.releases.detector')}
      hint={t('system.releases.detectorHint')}
    />
  </>
);

const LimitFields = (props: PartProps) => (
  <>
    <OneField {...props} field="percent" name="percent" label={t('system.releases.percent')} inputmode="decimal" />
    <fieldset class="form">
      <legend>{t('system.releases.limits')}</legend>
      {LIMITS.map((name) => (
        <OneField
          {...props}
          field={name}
          name={`limits.${name}`}
          label={t(`system.releases.limit.${name}`)}
          hint={t(`system.releases.limit.${LIMIT_HINTS[name]}`)}
          inputmode={name === 'minAnswers' ? 'numeric' : 'decimal'}
        />
      ))}
    </fieldset>
  </>
);

/** Loaded when it is opened first. */
function Thresholds(props: {
  readonly typed: TypedThresholds;
  readonly onChange: (typed: TypedThresholds) => void;
  readonly error: unknown;
}) {
  const [opened, setOpened] = createSignal(false);
  return (
    <details class="release-thresholds" onToggle={(event) => event.currentTarget.open && setOpened(true)}>
      <summary>{t('system.releases.thresholds')}</summary>
      <p class="hint">{t('system.releases.thresholdsHint')}</p>
      <Show when={opened()}>
        <Suspense fallback={<p class="empty">{t('shell.loading')}</p>}>
          <ReleaseThresholds {...props} />
        </Suspense>
      </Show>
    </details>
  );
}
