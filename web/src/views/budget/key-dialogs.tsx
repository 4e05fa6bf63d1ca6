/** Dialogs that add a key, change its limits, and remove it. */
import { createEffect, For, on } from 'solid-js';
import { createStore } from 'solid-js/store';
import type { KeyView } from '../../../../src/http/schemas/keys-schema.ts';
import { request } from '../../api/request.ts';
import { FormError } from '../../parts/form-error.tsx';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { ConfirmDialog } from '../../parts/confirm-dialog.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { numberOrText } from '../../parts/number-or-text.ts';
import { toast } from '../../parts/toast.tsx';

/** Limits that people change, with the API's names; all are whole numbers but the prices. */
const LIMITS = [
  'qps_limit',
  'rpm_limit',
  'tpm_limit',
  'priority',
  'max_in_flight',
  'price_per_1k_input',
  'price_per_1k_output',
] as const;
type Limit = (typeof LIMITS)[number];
const NEW = { name: '', key: '', model: '', quota_group: '' };
type Texts = Record<Limit, string>;
const NO_LIMITS = Object.fromEntries(LIMITS.map((name) => [name, ''])) as Texts;

/** The fields that were filled in, numbers as numbers. Other text is sent as it is: the server says why it is wrong. */
const filled = (texts: Readonly<Partial<Texts>>): Record<string, number | string> =>
  Object.fromEntries(
    Object.entries(texts)
      .filter(([, text]) => text.trim() !== '')
      .map(([name, text]) => [name, numberOrText(text)]),
  );

const LimitFields = (props: { texts: Texts; onInput: (name: Limit, text: string) => void; error: unknown }) => (
  <div class="two-columns">
    <For each={LIMITS}>
      {(name) => (
        <Field
          name={name}
          label={t(`budget.field.${name}`)}
          value={props.texts[name]}
          onInput={(text) => props.onInput(name, text)}
          inputmode="decimal"
          optional
          error={props.error}
        />
      )}
    </For>
  </div>
);

export function AddKeyDialog(props: { open: boolean; onClose: () => void; onDone: () => void }) {
  const [fields, setFields] = createStore({ ...NEW });
  const [limits, setLimits] = createStore({ ...NO_LIMITS });
  const { error, busy, submit, clear } = createSubmit(
    () => {
      const texts = Object.fromEntries(Object.entries(fields).filter(([, text]) => text.trim() !== ''));
      return request('/api/keys', { method: 'POST', body: { ...texts, ...filled(limits) } });
    },
    () => {
      toast({ type: 'success', text: t('budget.added', { name: fields.name }) });
      props.onDone();
      props.onClose();
    },
  );
  createEffect(
    on(
      () => props.open,
      () => {
        // The key itself is not kept on the page.
        setFields({ ...NEW });
        setLimits({ ...NO_LIMITS });
        clear();
      },
    ),
  );
  return (
    <Dialog id="add-key" open={props.open} onOpenChange={props.onClose} title={t('budget.addKey')} wide>
      <form class="form" onSubmit={submit}>
        <For each={['name', 'key', 'model', 'quota_group'] as const}>
          {(name) => (
            <Field
              name={name}
              type={name === 'key' ? 'password' : 'text'}
              label={t(`budget.field.${name}`)}
              hint={name === 'key' ? t('budget.keyHint') : ''}
              value={fields[name]}
              onInput={(text) => setFields(name, text)}
              optional={name === 'model' || name === 'quota_group'}
              error={error()}
            />
          )}
        </For>
        <LimitFields texts={limits} onInput={(name, text) => setLimits(name, text)} error={error()} />
        <FormError error={error()} fields={['name', 'key', 'model', 'quota_group', ...LIMITS]} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy()}>
            {t('budget.addKey')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function ChangeKeyDialog(props: { view: KeyView | null; onClose: () => void; onDone: () => void }) {
  const [limits, setLimits] = createStore({ ...NO_LIMITS });
  const textOf = (view: KeyView, name: Limit): string => String(view[name] ?? '');
  createEffect(
    on(
      () => props.view,
      (view) => {
        clear();
        if (view !== null) for (const name of LIMITS) setLimits(name, textOf(view, name));
      },
    ),
  );
  const changes = (view: KeyView): Record<string, number | string> =>
    filled(
      Object.fromEntries(
        LIMITS.filter((name) => limits[name] !== textOf(view, name)).map((name) => [name, limits[name]]),
      ),
    );
  const { error, busy, submit, clear } = createSubmit(
    async () => {
      const { view } = props;
      if (view === null || Object.keys(changes(view)).length === 0) return;
      await request(`/api/keys/${view.name}`, { method: 'PATCH', body: changes(view) });
      toast({ type: 'success', text: t('budget.changed', { name: view.name }) });
    },
    () => {
      props.onDone();
      props.onClose();
    },
  );
  return (
    <Dialog
      id="change-key"
      open={props.view !== null}
      onOpenChange={props.onClose}
      title={t('budget.changeOf', { name: props.view?.name ?? '' })}
      wide
    >
      <form class="form" onSubmit={submit}>
        <LimitFields texts={limits} onInput={(name, text) => setLimits(name, text)} error={error()} />
        <FormError error={error()} fields={LIMITS} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="primary" disabled={busy()}>
            {t('shell.save')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export const RemoveKeyDialog = (props: { name: string | null; onClose: () => void; onDone: () => void }) => (
  <ConfirmDialog
    id="remove-key"
    open={props.name !== null}
    onClose={props.onClose}
    title={t('budget.removeOf', { name: props.name ?? '' })}
    description={t('budget.removeHint')}
    action={t('budget.remove')}
    run={() => request(`/api/keys/${props.name ?? ''}`, { method: 'DELETE' })}
    onDone={() => {
      toast({ type: 'success', text: t('budget.removed', { name: props.name ?? '' }) });
      props.onDone();
      props.onClose();
    }}
  />
);
