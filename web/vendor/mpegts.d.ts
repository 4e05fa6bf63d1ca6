/** The live player; the server puts the package's own file at this address. */
export { default } from 'mpegts.js';
