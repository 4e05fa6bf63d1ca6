import { createEffect } from 'solid-js';

/** Opens `<details>` whenever `isWanted` becomes true. Only people close it. */
export function openWhen(details: HTMLDetailsElement, isWanted: () => boolean): void {
  createEffect(() => {
    if (isWanted()) details.open = true;
  });
}
