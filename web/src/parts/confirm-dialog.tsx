import { createEffect, on } from 'solid-js';
import { t } from '../i18n/index.ts';
import { Button } from './button.tsx';
import { createSubmit } from './create-submit.ts';
import { Dialog } from './dialog.tsx';
import { FormError } from './form-error.tsx';

export interface ConfirmDialogProps {
  /** Of the element, for styles and tests. */
  readonly id: string;
  readonly open: boolean;
  readonly title: string;
  readonly description: string;
  /** Words of the button that does it. */
  readonly action: string;
  /** Words of the button that leaves it; default: cancel. */
  readonly keep?: string;
  /** Default `danger`. */
  readonly look?: 'danger' | 'primary';
  /** Rejects with the refusal, which is shown. */
  readonly run: () => Promise<unknown>;
  /** Called after a success; closes the dialog. */
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Asks before something is done that cannot be undone by the next click. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { error, busy, submit, clear } = createSubmit(
    () => props.run(),
    () => props.onDone(),
  );
  createEffect(on(() => props.open, clear));
  return (
    <Dialog
      id={props.id}
      role="alertdialog"
      open={props.open}
      onOpenChange={(open) => {
        if (!open) props.onClose();
      }}
      title={props.title}
      description={props.description}
    >
      <form class="form" onSubmit={submit}>
        <FormError error={error()} fields={[]} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{props.keep ?? t('shell.cancel')}</Button>
          <Button type="submit" look={props.look ?? 'danger'} disabled={busy()}>
            {props.action}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
