import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { ResolvedAddress, Resolver } from '../infra/names.ts';
import { resolveSource, SourceRefused, sourceAddress } from '../infra/source-policy.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { printable } from '../runtime/printable.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import type { ReceiveSlab } from './receive-slab.ts';
import type { SessionEnd } from './rtsp.types.ts';
import { sessionEnd } from './session-ends.ts';

export interface DialOptions {
  readonly url: string;
  /** SHA-256 of the accepted certificate in hex; null for a verified chain. */
  readonly certificateSha256: string | null;
  readonly clock: Clock;
  readonly names?: Resolver | undefined;
  readonly slab: ReceiveSlab;
  /** Aborted when nobody wants the connection any more. */
  readonly signal: AbortSignal;
}

export type Dialled =
  | { readonly socket: Socket; readonly end: null }
  | { readonly socket: null; readonly end: SessionEnd };

const RESOLVE_MS = 10_000;
/** For one address, TLS included. */
const CONNECT_MS = 5_000;
/** Addresses of a name that are tried. */
const MAX_ADDRESSES = 4;
const MAX_NAME = 80;

/**
 * Connects to the camera's host: its name is resolved once, each address checked, and the checked ones dialled in order
 * until one answers. Never rejects. Takes at most 30 s.
 */
export async function dialCamera(options: DialOptions): Promise<Dialled> {
  const { url, clock, names, signal, slab } = options;
  const { host, port, tls } = sourceAddress(url);
  const resolved = await settlesWithin(clock, resolveSource(host, names), RESOLVE_MS);
  if (resolved.timedOut) return failed('UNREACHABLE', `host ${host} was not resolved within ${RESOLVE_MS / 1000} s`);
  if (resolved.error !== null) {
    const isKnown = resolved.error instanceof SourceRefused && resolved.error.cause === undefined;
    return failed(isKnown ? 'REFUSED_ADDRESS' : 'UNREACHABLE', resolved.error.message);
  }
  let last = 'it has no address';
  for (const address of resolved.value.slice(0, MAX_ADDRESSES)) {
    if (signal.aborted) break;
    const socket = tls
      ? dialTls(address, port, host, options)
      : connect({ host: address.address, port, noDelay: true, onread: slab.onread });
    const opened = await settlesWithin(clock, opening(socket, tls, signal), CONNECT_MS);
    if (!opened.timedOut && opened.error === null) {
      const refusal = tls ? certificateRefusal(socket as TLSSocket, options.certificateSha256) : null;
      if (refusal === null) return { socket, end: null };
      socket.destroy();
      return failed('CERTIFICATE', refusal);
    }
    socket.destroy();
    last = opened.timedOut ? `no answer within ${CONNECT_MS / 1000} s` : codeOf(asError(opened.error));
  }
  return failed('UNREACHABLE', `the camera at ${host}:${port} cannot be reached: ${last}`);
}

const failed = (code: SessionEnd['code'], message: string): Dialled => ({
  socket: null,
  end: sessionEnd(code, message),
});

/** Nothing is sent before {@link certificateRefusal} has looked at the certificate. */
function dialTls({ address }: ResolvedAddress, port: number, host: string, options: DialOptions): TLSSocket {
  const settings = {
    host: address,
    port,
    rejectUnauthorized: false,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    // Many cameras have RSA keys of 1024 bits. The owner vouches for a pinned one.
    ...(options.certificateSha256 === null ? {} : { ciphers: 'DEFAULT@SECLEVEL=0' }),
    // In the documentation, but not in the types.
    onread: options.slab.onread,
  };
  return connectTls(settings).setNoDelay(true);
}

/** Resolves when the socket is connected, TLS included. */
function opening(socket: Socket, tls: boolean, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => void socket.destroy(new Error('no longer wanted'));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', reject);
    socket.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error('it closed the connection'));
    });
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
  });
}

/** Why the certificate is not accepted, and how it can be; null when it is. */
function certificateRefusal(socket: TLSSocket, pinned: string | null): string | null {
  const certificate = socket.getPeerCertificate();
  const given = plainFingerprint(certificate.fingerprint256 ?? '');
  if (pinned !== null && given === plainFingerprint(pinned)) return null;
  if (pinned === null && socket.authorized) return null;
  const shown = `SHA-256 ${given}, subject ${nameOf(certificate.subject)}, issuer ${nameOf(certificate.issuer)}`;
  if (pinned !== null)
    return `the camera's certificate is not the one of certificateSha256 (${shown}); if it was renewed, set it anew`;
  const error: unknown = socket.authorizationError;
  const reason = printable(String(error instanceof Error ? error.message : error)).slice(0, MAX_NAME);
  return (
    `the camera's certificate is not trusted: ${reason} (${shown}). If that is the camera's own one, ` +
    `set certificateSha256 to this SHA-256`
  );
}

/** 64 hex digits in lower case, however they were written. */
const plainFingerprint = (text: string): string => text.replaceAll(/[\s:]/gu, '').toLowerCase();

function nameOf(name: PeerCertificate['subject'] | undefined): string {
  const parts = [name?.O, name?.CN].flat().filter((part) => part !== undefined && part !== '');
  return parts.length === 0 ? '(none)' : printable(parts.join(' / ')).slice(0, MAX_NAME);
}

const codeOf = (error: Error): string =>
  'code' in error && typeof error.code === 'string' ? error.code : error.message;
