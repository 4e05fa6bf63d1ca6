import sharp from 'sharp';

/** A small real JPEG. */
export const makeJpeg = (width = 64, height = 48): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: { r: 90, g: 120, b: 60 } } })
    .jpeg()
    .toBuffer();

/** A JPEG of one colour, in the size of the frames of `aggregate()`. */
export const plainJpeg = (r: number, g: number, b: number): Promise<Buffer> =>
  sharp({ create: { width: 640, height: 352, channels: 3, background: { r, g, b } } })
    .jpeg()
    .toBuffer();

/** A PNG of one colour. */
export const plainPng = (width: number, height: number): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background: '#557799' } })
    .png()
    .toBuffer();
