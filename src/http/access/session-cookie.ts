import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { LONGEST_MS } from '../../users/sessions.ts';
import { overTls } from './public-origin.ts';

export const SESSION_COOKIE = 'gantry_session';

/** Sets and clears the cookie of a session. */
export class SessionCookies {
  readonly #path: string;
  readonly #trusted: AddressRanges;

  /**
   * @param basePath prefix of every public address; `''` for none
   * @param trusted proxies whose `X-Forwarded-Proto` is believed
   */
  constructor(basePath: string, trusted: AddressRanges) {
    this.#path = basePath === '' ? '/' : basePath;
    this.#trusted = trusted;
  }

  set(request: FastifyRequest, reply: FastifyReply, secret: string): void {
    reply.setCookie(SESSION_COOKIE, secret, { ...this.#options(request), maxAge: LONGEST_MS / 1_000 });
  }

  clear(request: FastifyRequest, reply: FastifyReply): void {
    reply.clearCookie(SESSION_COOKIE, this.#options(request));
  }

  #options(request: FastifyRequest) {
    const secure = overTls(request, this.#trusted);
    return { httpOnly: true, sameSite: 'strict', path: this.#path, secure } as const;
  }
}
