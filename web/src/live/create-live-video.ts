import { type Accessor, createSignal, onCleanup, onMount } from 'solid-js';
import { LiveVideo } from './live-video.ts';

/**
 * Plays a camera's live video in an element as long as the component lives.
 *
 * @param holder the element, once the component is mounted
 * @param onEnd called with the reason when the video ends by itself
 * @returns whether a picture is shown
 */
export function createLiveVideo(
  cameraId: string,
  holder: () => HTMLElement | undefined,
  onEnd: (reason: string) => void,
): Accessor<boolean> {
  const [shown, setShown] = createSignal(false);
  onMount(() => {
    const element = holder();
    if (element === undefined) return;
    const video = new LiveVideo(cameraId, element, {
      onStarting: () => setShown(false),
      onShown: () => setShown(true),
      onEnd,
    });
    onCleanup(() => video.stop());
  });
  return shown;
}
