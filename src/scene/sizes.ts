import type { SizeOf } from './scene.types.ts';

/**
 * Usual sizes. Cars: means of new registrations in the EU (ICCT pocketbook 2023). Trucks are between a van and an
 * articulated lorry, buses of the 12 m class. Two-wheelers are without the rider, as detectors box them.
 */
export const SIZES: SizeOf = {
  person: { length: 0.45, width: 0.55, height: 1.7 },
  bicycle: { length: 1.8, width: 0.6, height: 1.1 },
  motorcycle: { length: 2.15, width: 0.8, height: 1.35 },
  car: { length: 4.4, width: 1.8, height: 1.5 },
  bus: { length: 12, width: 2.5, height: 3.1 },
  truck: { length: 9, width: 2.5, height: 3.4 },
  'traffic light': { length: 0.3, width: 0.3, height: 0.9 },
  'stop sign': { length: 0.1, width: 0.75, height: 0.75 },
};
