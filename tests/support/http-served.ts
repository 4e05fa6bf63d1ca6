import type { TestContext } from 'node:test';
import type { HttpServerOptions } from '../../src/http/server.ts';
import { FakeWorld, fakeServer } from './http-fakes.ts';

/** A server over a {@link FakeWorld} with one camera, listening until the test ends. `ask` fetches a path of it. */
export async function serve(t: TestContext, options: Partial<HttpServerOptions> = {}) {
  const world = new FakeWorld().add('north');
  const server = await fakeServer(world, options);
  t.after(() => server.close());
  const base = await server.listen('127.0.0.1', 0);
  return { world, server, base, ask: (path: string, init?: RequestInit) => fetch(`${base}${path}`, init) };
}
