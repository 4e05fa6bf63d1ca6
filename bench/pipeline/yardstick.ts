import { FrameMaker } from './frames.ts';

const frame = new FrameMaker('yardstick', 1).next(0);

/**
 * Microseconds to write a frame as JSON and read it again, over so many rounds: how fast this machine is at such work
 * now.
 */
export function jsonRoundTripUs(rounds: number): number {
  const began = performance.now();
  for (let each = 0; each < rounds; each += 1) JSON.parse(JSON.stringify(frame));
  return ((performance.now() - began) * 1_000) / rounds;
}
