/** Keys that act wherever the focus is, while a view is shown. */
import { onCleanup } from 'solid-js';

/** Elements with keys of their own: whoever types in them means them. */
const TYPING = 'input:not([type="checkbox"]):not([type="radio"]), textarea, select, [contenteditable="true"]';
const OVER_THE_VIEW = '[role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"]';

/**
 * Calls the function of a pressed key, by the key's name (`event.key`), until the calling component ends.
 *
 * @param isOn asked at each key; Escape acts in any case
 */
export function createShortcuts(keys: Readonly<Record<string, () => void>>, isOn: () => boolean): void {
  const onKeyDown = (event: KeyboardEvent): void => {
    const { key, target } = event;
    const action = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (action === undefined || event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
    if (target instanceof Element && target.closest(`${TYPING}, ${OVER_THE_VIEW}`) !== null) return;
    if (key !== 'Escape' && !isOn()) return;
    event.preventDefault();
    action();
  };
  document.addEventListener('keydown', onKeyDown);
  onCleanup(() => document.removeEventListener('keydown', onKeyDown));
}
