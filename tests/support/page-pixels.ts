import type { Page } from 'playwright-core';

/** Colour that a camera's tile shows at a pixel of the frame (640 x 352), `[r, g, b, a]`: picture with boxes. */
export const drawnAt = (page: Page, cameraId: string, x: number, y: number): Promise<number[]> =>
  page.evaluate<number[]>(`(() => {
    const shown = document.querySelector('[data-camera="${cameraId}"] .picture canvas');
    const canvas = Object.assign(document.createElement('canvas'), { width: shown.width, height: shown.height });
    canvas.getContext('2d').drawImage(shown, 0, 0);
    const scale = Math.min(canvas.width / 640, canvas.height / 352);
    const [left, top] = [(canvas.width - 640 * scale) / 2, (canvas.height - 352 * scale) / 2];
    const [px, py] = [Math.round(left + ${x} * scale), Math.round(top + ${y} * scale)];
    return [...canvas.getContext('2d').getImageData(px, py, 1, 1).data];
  })()`);

/** Colour of the middle of a camera's picture, where nothing is drawn over it, `[r, g, b, a]`. */
export const pictured = (page: Page, cameraId: string): Promise<number[]> => drawnAt(page, cameraId, 320, 300);
