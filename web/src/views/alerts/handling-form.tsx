/** An operator's work on an alert: acknowledgement, verdict, comment. */
import { createEffect, createSignal, For, on, Show } from 'solid-js';
import { ApiError } from '../../api/request.ts';
import { may } from '../../api/session.ts';
import { FormError } from '../../parts/form-error.tsx';
import type { AlertHandling } from '../../feed/messages.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Field } from '../../parts/field.tsx';
import { dayTime } from '../../picture/words.ts';
import type { OpenAlert, Verdict } from './alert-record.ts';

const VALUES: readonly Verdict[] = ['true', 'false', 'unclear'];

export interface HandlingFormProps {
  readonly open: OpenAlert;
  readonly handling: AlertHandling;
  readonly shelved: boolean;
  readonly onAcknowledge: () => void;
  readonly onVerdict: (value: Verdict) => void;
  /** Of the last change; null when it worked. */
  readonly error: unknown;
  readonly onError: (error: unknown) => void;
  readonly busy: boolean;
}

export function HandlingForm(props: HandlingFormProps) {
  const disabled = () => props.busy || !may('operator');
  const refusal = () => (may('operator') ? undefined : t('alerts.needsOperator'));
  const verdict = () => props.handling.verdict;
  return (
    <section class="card handling" aria-labelledby="handling-title">
      <h3 id="handling-title">{t('alerts.handling.title')}</h3>
      <Show when={props.shelved}>
        <p>⏸ {t('alerts.handling.shelved')}</p>
      </Show>
      <Show when={!may('operator')}>
        <p class="muted">{t('alerts.needsOperator')}</p>
      </Show>
      <div class="row">
        <Button
          look={props.handling.acknowledged === null ? 'primary' : 'plain'}
          name="acknowledge"
          disabled={disabled()}
          title={refusal()}
          onClick={() => props.onAcknowledge()}
        >
          {t(props.handling.acknowledged === null ? 'alerts.handling.acknowledge' : 'alerts.handling.takeBack')}
        </Button>
        <span role="status">
          {props.handling.acknowledged === null
            ? t('alerts.handling.open')
            : `✓ ${byText('alerts.handling.acknowledged', props.handling.acknowledged)}`}
        </span>
      </div>
      <div class="row" role="group" aria-label={t('alerts.handling.verdict')}>
        <span>{t('alerts.handling.verdict')}</span>
        <For each={VALUES}>
          {(value) => (
            <Button
              name={`verdict-${value}`}
              aria-pressed={verdict()?.value === value}
              disabled={disabled()}
              title={refusal()}
              onClick={() => props.onVerdict(value)}
            >
              {t(`alerts.handling.${value}`)}
            </Button>
          )}
        </For>
        <span role="status">
          <Show when={verdict()}>{(given) => byText('alerts.handling.verdictBy', given())}</Show>
        </span>
      </div>
      <CommentForm
        open={props.open}
        handling={props.handling}
        disabled={disabled()}
        error={props.error}
        onError={props.onError}
      />
      <FormError error={props.error} fields={['comment']} />
    </section>
  );
}

const byText = (
  key: 'alerts.handling.acknowledged' | 'alerts.handling.verdictBy' | 'alerts.handling.commentBy',
  { by, at }: { readonly by: string; readonly at: string },
): string => t(key, { by, time: dayTime(at) });

function CommentForm(props: {
  open: OpenAlert;
  handling: AlertHandling;
  disabled: boolean;
  error: unknown;
  onError: (error: unknown) => void;
}) {
  const kept = (): string => props.handling.comment?.text ?? '';
  const [text, setText] = createSignal('');
  // Another alert, or a comment of somebody else: what is typed for this one stays unless it was kept.
  createEffect(on([() => props.handling.alertId, kept], () => setText(kept())));
  const save = async (): Promise<void> => {
    props.onError(null);
    try {
      await props.open.judge(props.handling.verdict?.value ?? null, text().trim());
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.code === 'ALERT_CHANGED') void props.open.refresh();
      props.onError(thrown);
    }
  };
  return (
    <form
      class="form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <Field
        name="comment"
        multiline
        label={t('alerts.handling.comment')}
        value={text()}
        onInput={setText}
        error={props.error}
        disabled={props.disabled}
      />
      <div class="row">
        <Button type="submit" disabled={props.disabled || text().trim() === kept()}>
          {t('alerts.handling.save')}
        </Button>
        <span class="muted" role="status">
          <Show when={props.handling.comment}>{(comment) => byText('alerts.handling.commentBy', comment())}</Show>
        </span>
      </div>
    </form>
  );
}
