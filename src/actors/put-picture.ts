import type { ImageStore } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { CameraId, ImageId } from '../messages/ids.ts';

type Shrink = (jpeg: Uint8Array, maxBytes: number) => Promise<Uint8Array>;

/**
 * Stores a JPEG; one that is too large for a message is made smaller first. Resolves to true when it was. Rejects as
 * `images.put`, also when it cannot be made small enough, and as `shrink`.
 */
export async function putPicture(
  images: Pick<ImageStore, 'put'>,
  { id, jpeg, cameraId }: { readonly id: ImageId; readonly jpeg: Uint8Array; readonly cameraId: CameraId },
  shrink: Shrink,
): Promise<boolean> {
  try {
    await images.put(id, jpeg, cameraId);
    return false;
  } catch (thrown) {
    const most = thrown instanceof InfraError && thrown.code === 'IMAGE_TOO_LARGE' ? thrown.fields['most'] : null;
    if (typeof most !== 'number') throw thrown;
    await images.put(id, await shrink(jpeg, most), cameraId);
    return true;
  }
}
