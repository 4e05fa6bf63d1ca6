import { Dialog as Ark } from '@ark-ui/solid/dialog';
import { createEffect, createSignal, type JSX, on, onCleanup, Show } from 'solid-js';
import { Portal } from 'solid-js/web';
import { t } from '../i18n/index.ts';
import { FloatingHost } from './floating.tsx';

export interface DialogProps {
  readonly open: boolean;
  readonly onOpenChange: (open: boolean) => void;
  readonly title: string;
  readonly description?: string;
  /** Neither Escape nor a click outside closes it. */
  readonly required?: boolean;
  /** Default `dialog`; `alertdialog` for a question that needs an answer. */
  readonly role?: 'dialog' | 'alertdialog';
  /** Of the element, for styles and tests. */
  readonly id?: string;
  readonly wide?: boolean;
  readonly children: JSX.Element;
}

/**
 * Lets the page be clicked again once no dialog is open. The library can forget to: where one dialog replaces another
 * within a moment, twice, it takes the blocked page for its usual state.
 */
function unblockPage(): void {
  if (document.querySelector('[data-scope="dialog"][data-part="content"][data-state="open"]') !== null) return;
  document.body.style.removeProperty('pointer-events');
}

/** A modal dialog: it takes the focus, keeps it, and gives it back. Its content exists while it is open. */
export function Dialog(props: DialogProps) {
  const [host, setHost] = createSignal<HTMLElement>();
  // After the library's own work, which it puts off to the end of the task.
  const unblockLater = () => void setTimeout(unblockPage);
  createEffect(
    on(
      () => props.open,
      (open) => (open ? undefined : unblockLater()),
      { defer: true },
    ),
  );
  onCleanup(unblockLater);
  return (
    <Ark.Root
      open={props.open}
      onOpenChange={(details) => props.onOpenChange(details.open)}
      closeOnEscape={props.required !== true}
      closeOnInteractOutside={props.required !== true}
      role={props.role ?? 'dialog'}
      lazyMount
      unmountOnExit
    >
      <Portal>
        <Ark.Backdrop class="backdrop" />
        <Ark.Positioner class="dialog-place">
          <Ark.Content class="dialog" data-dialog={props.id} data-wide={props.wide}>
            <Ark.Title class="dialog-title">{props.title}</Ark.Title>
            <Show when={props.description}>
              <Ark.Description class="muted">{props.description}</Ark.Description>
            </Show>
            <div class="dialog-floating" ref={setHost} />
            <FloatingHost.Provider value={host}>{props.children}</FloatingHost.Provider>
            <Show when={props.required !== true}>
              <Ark.CloseTrigger class="button quiet dialog-close" aria-label={t('shell.close')}>
                ✕
              </Ark.CloseTrigger>
            </Show>
          </Ark.Content>
        </Ark.Positioner>
      </Portal>
    </Ark.Root>
  );
}
