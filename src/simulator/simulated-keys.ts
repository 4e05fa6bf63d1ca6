import { randomBytes } from 'node:crypto';
import type { SimulatedKey } from './simulator.types.ts';

/** `count` fresh random keys with the same limits, named `sim-001`, `sim-002`, ... */
export const simulatedKeys = (
  count: number,
  limits: { readonly qps: number; readonly rpm: number; readonly tpm?: number },
): readonly SimulatedKey[] =>
  Array.from({ length: count }, (_, index) => ({
    name: `sim-${String(index + 1).padStart(3, '0')}`,
    key: `sim-${randomBytes(16).toString('hex')}`,
    ...limits,
  }));
