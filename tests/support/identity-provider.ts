import { generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/** A person at the provider: their claims, with `groups`. */
export type Person = Readonly<Record<string, unknown>>;

export const CLIENT = { id: 'gantry', secret: 'a-secret-of-the-client-that-is-long-enough' } as const;

/** A server of its own whose provider begins once the redirect address is known. */
export async function identityServer(): Promise<{ readonly issuer: string; readonly server: Server }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** The library's provider, with its own pages for sign-in and consent. */
export function startProvider(
  { issuer, server }: { readonly issuer: string; readonly server: Server },
  redirectUri: string,
  people: ReadonlyMap<string, Person>,
): void {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
  const keys = [
    { ...rsa.export({ format: 'jwk' }), kid: 'rsa', alg: 'RS256', use: 'sig' },
    { ...privateKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256', use: 'sig' },
  ];
  const provider = new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['a key of this test'] },
    clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirectUri] }],
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
    findAccount: (_context, id) => {
      const claims = people.get(id);
      return claims === undefined ? undefined : { accountId: id, claims: () => ({ sub: id, ...claims }) };
    },
    pkce: { required: () => true },
    ttl: { Interaction: 60, Session: 60, Grant: 60, AccessToken: 60, IdToken: 60 },
  });
  const answer = provider.callback();
  server.on('request', (request, response) => void answer(request, response));
}

/** A browser by HTTP: keeps cookies for each origin and follows redirects as told. */
export class TinyBrowser {
  readonly #jars = new Map<string, Map<string, string>>();
  readonly setCookies: string[] = [];

  async open(url: string, form?: Record<string, string>, accept = 'text/html', language = 'en'): Promise<Response> {
    const { origin } = new URL(url);
    const jar = this.#jars.get(origin) ?? new Map<string, string>();
    this.#jars.set(origin, jar);
    const reply = await fetch(url, {
      redirect: 'manual',
      headers: {
        accept,
        'accept-language': language,
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
      },
      ...(form === undefined ? {} : { method: 'POST', body: new URLSearchParams(form) }),
    });
    for (const line of reply.headers.getSetCookie()) {
      this.setCookies.push(line);
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/u.exec(line) ?? [];
      if (value === '' || /max-age=0|expires=thu, 01 jan 1970/iu.test(line)) jar.delete(name);
      else jar.set(name, value);
    }
    return reply;
  }

  /** Where the reply sends the browser. */
  static next(reply: Response): string {
    return new URL(reply.headers.get('location') ?? 'no location', reply.url).href;
  }

  /** From the first redirect to the provider, through its pages, to the callback: its address, not opened yet. */
  async signInAt(provider: string, start: string, person: string, cancel = false): Promise<string> {
    let url = start;
    for (let steps = 0; url.startsWith(provider) && steps < 20; steps++) {
      const reply = await this.open(url);
      if (reply.status >= 300 && reply.status < 400) {
        url = TinyBrowser.next(reply);
        continue;
      }
      const page = await reply.text();
      if (cancel) {
        url = `${url}/abort`;
        continue;
      }
      const prompt = /name="prompt" value="(\w+)"/u.exec(page)?.[1] ?? `no prompt: ${page.slice(0, 400)}`;
      url = TinyBrowser.next(
        await this.open(url, { prompt, ...(prompt === 'login' ? { login: person, password: 'x' } : {}) }),
      );
    }
    return url;
  }
}
