import { createToaster, Toast, Toaster } from '@ark-ui/solid/toast';
import { reasonOf } from '../api/request.ts';
import { t } from '../i18n/index.ts';

const toaster = createToaster({ placement: 'bottom-end', max: 5, overlap: false, gap: 8 });

/** Shows a message for a few seconds. */
export const toast = ({ type, text }: { type: 'success' | 'error' | 'info'; text: string }): void => {
  toaster.create({ type, title: text });
};

/** Shows why a request failed. */
export const toastFailure = (thrown: unknown): void =>
  toast({ type: 'error', text: t('shell.toast.failed', { reason: reasonOf(thrown, t('shell.noAnswer')) }) });

/** Where toasts appear: once in the page. */
export const Toasts = () => (
  <Toaster toaster={toaster}>
    {(each) => (
      <Toast.Root class="toast" data-type={each().type}>
        <Toast.Title>{each().title}</Toast.Title>
        <Toast.CloseTrigger class="button quiet" aria-label={t('shell.dismiss')}>
          ✕
        </Toast.CloseTrigger>
      </Toast.Root>
    )}
  </Toaster>
);
