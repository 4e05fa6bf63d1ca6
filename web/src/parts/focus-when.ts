import { createEffect } from 'solid-js';

/** Moves the focus to `element` each time its field is refused, unless another refused field has it. */
export function focusWhen(element: HTMLElement, text: () => string): void {
  createEffect(() => {
    if (text() !== '' && document.activeElement?.getAttribute('aria-invalid') !== 'true') element.focus();
  });
}
