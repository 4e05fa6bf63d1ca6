import { createHttpServer, type HttpServer } from '../http/server.ts';
import { withoutPages } from './role-elsewhere.ts';
import { httpPorts, type PortParts } from './role-ports.ts';
import { VERSION } from './version.ts';

/** The HTTP server of this process: API and metrics for every role, the page and its WebSockets for the role `web`. */
export async function startHttp(parts: PortParts): Promise<HttpServer> {
  const { config, log, cameraResources } = parts;
  const options = { ...config, log, version: VERSION, ffmpegPath: cameraResources?.ffmpeg ?? null };
  const http = await createHttpServer(httpPorts(parts), options);
  if (!config.roles.includes('web')) withoutPages(http.app);
  return http;
}
