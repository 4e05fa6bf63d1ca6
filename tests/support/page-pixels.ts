import type { Page } from 'playwright-core';

/** Colour drawn over a camera's picture at a pixel of the frame, `[r, g, b, a]`. */
export const drawnAt = (page: Page, cameraId: string, x: number, y: number): Promise<number[]> =>
  page.evaluate<number[]>(`(() => {
    const canvas = document.querySelector('[data-camera="${cameraId}"] .picture canvas');
    const scale = Math.min(canvas.width / 640, canvas.height / 352);
    const [left, top] = [(canvas.width - 640 * scale) / 2, (canvas.height - 352 * scale) / 2];
    const [px, py] = [Math.round(left + ${x} * scale), Math.round(top + ${y} * scale)];
    return [...canvas.getContext('2d').getImageData(px, py, 1, 1).data];
  })()`);

/** Colour of the middle of a camera's picture, `[r, g, b, a]`. */
export const pictured = (page: Page, cameraId: string): Promise<number[]> =>
  page.evaluate<number[]>(`(() => {
    const image = document.querySelector('[data-camera="${cameraId}"] .picture img');
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return [...context.getImageData(320, 176, 1, 1).data];
  })()`);
