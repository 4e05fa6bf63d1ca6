import { ApiError, reasonOf } from '../api/request.ts';
import { t } from '../i18n/index.ts';

/** An error that belongs to none of the fields of the form. */
export function FormError(props: { error: unknown; fields: readonly string[] }) {
  const text = () => {
    const { error } = props;
    if (error === null || error === undefined) return '';
    if (error instanceof ApiError && error.field !== null && props.fields.includes(error.field)) return '';
    const reason = reasonOf(error, t('shell.noAnswerRetry'));
    if (!(error instanceof ApiError) || error.retryAfter === null) return reason;
    return `${reason}. ${t('shell.signIn.wait', { seconds: error.retryAfter })}`;
  };
  return (
    <p class="error" role="alert">
      {text()}
    </p>
  );
}
