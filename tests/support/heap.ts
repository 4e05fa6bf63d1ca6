import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that this thread's heap keeps: its use right after a full garbage collection. */
export function keptHeapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
