/** `value` with at most `digits` decimals; never -0. */
export function round(value: number, digits: number): number {
  const unit = 10 ** digits;
  return Math.round(value * unit) / unit + 0;
}
