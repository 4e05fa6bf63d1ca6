/** JPEGs of the size that real cameras store. A simulated provider does not care what they show. */
import sharp from 'sharp';
import { HEIGHT, WIDTH } from './frames.ts';

/** Blurred noise, about as detailed as a street: some 90 kB a frame, 2 to 10 kB a crop. */
export const noise = (width: number, height: number): Promise<Buffer> =>
  sharp({
    create: {
      width,
      height,
      channels: 3,
      background: { r: 0, g: 0, b: 0 },
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .blur(2.5)
    .jpeg({ quality: 78 })
    .toBuffer();

export async function makePictures(): Promise<{ readonly frame: Buffer; readonly crops: readonly Buffer[] }> {
  return {
    frame: await noise(WIDTH, HEIGHT),
    crops: await Promise.all([noise(160, 120), noise(320, 180), noise(400, 240)]),
  };
}
