import type { CookieSerializeOptions } from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Pending } from '../../oidc/oidc-client.ts';

const COOKIE = 'gantry_oidc';
const LIFE_SECONDS = 600;
const MOST_CHARACTERS = 2_000;

/** A place on the page, e.g. `#/alerts`. */
export const PagePlace = z
  .string()
  .max(300)
  .regex(/^#\/[A-Za-z0-9._~/?=&%,:@+-]*$/u, 'must be a place on the page such as #/alerts');

/** A sign-in that the browser has begun. */
export const BegunSignIn = Pending.extend({ to: PagePlace, begunAt: z.int().min(0) });
export type BegunSignIn = z.infer<typeof BegunSignIn>;

/**
 * Keeps a sign-in in the browser until its callback, which may reach another node. A signature would protect nothing:
 * whoever can set this cookie can also get a signed one, by a sign-in of their own.
 */
export class OidcCookie {
  readonly #path: string;

  constructor(basePath: string) {
    this.#path = `${basePath}/api/login/oidc`;
  }

  set(reply: FastifyReply, begun: BegunSignIn, secure: boolean): void {
    const value = Buffer.from(JSON.stringify(begun)).toString('base64url');
    reply.setCookie(COOKIE, value, { ...this.#options(secure), maxAge: LIFE_SECONDS });
  }

  clear(reply: FastifyReply, secure: boolean): void {
    reply.clearCookie(COOKIE, this.#options(secure));
  }

  /** Null where there is none, or none that is still good at `now` (epoch ms). */
  read({ cookies }: FastifyRequest, now: number): BegunSignIn | null {
    const value = cookies[COOKIE] ?? '';
    if (value === '' || value.length > MOST_CHARACTERS) return null;
    const begun = BegunSignIn.safeParse(jsonOf(Buffer.from(value, 'base64url').toString('utf8'))).data;
    if (begun === undefined) return null;
    const age = now - begun.begunAt;
    return age >= 0 && age <= LIFE_SECONDS * 1_000 ? begun : null;
  }

  /** `lax`: the callback is a redirect from another site. */
  #options(secure: boolean): CookieSerializeOptions {
    return { httpOnly: true, sameSite: 'lax', path: this.#path, secure };
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
