/**
 * Providers refuse pictures with a side of ten px or less, and those more than 200 times as long as wide. With this
 * side and pictures of at most 1,280 px neither happens.
 */
export const SHORTEST_SENT = 32;

/** What widens a picture to that side, for `extend`: at its right and its bottom, so that positions in it stay. */
export const widening = (width: number, height: number) => ({
  right: Math.max(0, SHORTEST_SENT - width),
  bottom: Math.max(0, SHORTEST_SENT - height),
  background: '#808080',
});

export const isNarrow = (width: number, height: number): boolean => Math.min(width, height) < SHORTEST_SENT;
