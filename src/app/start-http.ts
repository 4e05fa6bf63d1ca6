import { createHttpServer, type HttpServer } from '../http/server.ts';
import type { OidcClient } from '../oidc/oidc-client.ts';
import { withoutPages } from './role-elsewhere.ts';
import { httpPorts, type PortParts } from './role-ports.ts';
import { VERSION } from './version.ts';

interface HttpParts extends PortParts {
  /** Null without the role `web`, or without an identity provider. */
  readonly oidc: OidcClient | null;
}

/** The HTTP server of this process: API and metrics for every role, the page and its WebSockets for the role `web`. */
export async function startHttp(parts: HttpParts): Promise<HttpServer> {
  const { config, log, cameraResources, oidc } = parts;
  const options = { ...config, oidc, log, version: VERSION, ffmpegPath: cameraResources?.ffmpeg ?? null };
  const http = await createHttpServer(httpPorts(parts), options);
  if (!config.roles.includes('web')) withoutPages(http.app);
  return http;
}
