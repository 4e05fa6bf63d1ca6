import type { Detection } from '../messages/detection.ts';
import { address } from '../runtime/ref.ts';

export type PublisherMessage = { type: 'publish'; detection: Detection };
export const PUBLISHER = address<PublisherMessage>('/publisher');
