export { run } from './keys/verify.ts';
