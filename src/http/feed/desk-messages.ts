import type { AlertHandling, Shelf } from '../../messages/alert-handling.ts';
import { EncodedMessage } from './feed-protocol.ts';

export const handlingMessage = (handling: AlertHandling): EncodedMessage =>
  new EncodedMessage('alert_handling', JSON.stringify(handling), null);

/** The shelves of cameras that the viewer may see, and those of every camera. */
export const shelvesMessage = (shelves: readonly Shelf[], sees: (cameraId: string) => boolean): EncodedMessage => {
  const shown = shelves.filter(({ cameraId }) => cameraId === null || sees(cameraId));
  return new EncodedMessage('shelves', JSON.stringify({ shelves: shown }), null);
};
