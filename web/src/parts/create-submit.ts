import { type Accessor, createSignal } from 'solid-js';
import { ApiError } from '../api/request.ts';
import { t } from '../i18n/index.ts';

export interface Submit {
  /** Of the last try: an {@link ApiError}, or a text where the server did not answer; null after a success. */
  readonly error: Accessor<unknown>;
  readonly busy: Accessor<boolean>;
  /** Handler of the form. While one request runs, another is not begun. */
  readonly submit: (event: SubmitEvent) => void;
  readonly clear: () => void;
}

/** Sends a form: `send` rejects with the refusal, `onDone` is called after a success. */
export function createSubmit<T>(send: () => Promise<T>, onDone: (answer: T) => void): Submit {
  const [error, setError] = createSignal<unknown>(null);
  const [busy, setBusy] = createSignal(false);
  const run = async (): Promise<void> => {
    if (busy()) return;
    setBusy(true);
    setError(null);
    try {
      onDone(await send());
    } catch (thrown) {
      setError(thrown instanceof ApiError ? thrown : t('shell.noAnswerRetry'));
    } finally {
      setBusy(false);
    }
  };
  return {
    error,
    busy,
    submit: (event) => {
      event.preventDefault();
      void run();
    },
    clear: () => setError(null),
  };
}
