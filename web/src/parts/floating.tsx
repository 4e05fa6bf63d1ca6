import { type Accessor, createContext, type ParentProps, useContext } from 'solid-js';
import { Portal } from 'solid-js/web';

/** The element that menus of this part of the page are put into; undefined: the page itself. */
export const FloatingHost = createContext<Accessor<HTMLElement | undefined>>(() => undefined);

/**
 * Puts a menu above everything else. Inside a modal dialog it stays in the dialog: all else is hidden from screen
 * readers while the dialog is open.
 */
export function Floating(props: ParentProps) {
  const host = useContext(FloatingHost);
  return <Portal mount={host() ?? document.body}>{props.children}</Portal>;
}
