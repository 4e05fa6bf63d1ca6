import { type Accessor, createSignal, onCleanup } from 'solid-js';

/** Whether a media query holds, for as long as the calling component exists. */
export function createMedia(query: string): Accessor<boolean> {
  const list = matchMedia(query);
  const [holds, setHolds] = createSignal(list.matches);
  const take = (): void => {
    setHolds(list.matches);
  };
  list.addEventListener('change', take);
  onCleanup(() => list.removeEventListener('change', take));
  return holds;
}
