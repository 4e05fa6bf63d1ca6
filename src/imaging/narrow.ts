/**
 * In px. Providers refuse pictures with a side of ten px or less, and those more than 200 times as long as wide. With
 * this shortest side, and pictures of at most 1,280 px, neither happens.
 */
const SHORTEST_SENT = 32;

/**
 * Arguments for sharp's `extend` that widen a picture to that side: at the right and the bottom, so that positions
 * stay.
 */
export const widening = (width: number, height: number) => ({
  right: Math.max(0, SHORTEST_SENT - width),
  bottom: Math.max(0, SHORTEST_SENT - height),
  background: '#808080',
});

export const isNarrow = (width: number, height: number): boolean => Math.min(width, height) < SHORTEST_SENT;
