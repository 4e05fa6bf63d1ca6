import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import { FlowReport, NodeList, SettingList } from '../schemas/system-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['operations'];

/** `/api/system`: how frames flow through all nodes, the nodes, and the settings of this process. */
export function systemRoutes(app: App, system: HttpPorts['system']): void {
  app.get(
    '/api/system/flow',
    {
      config: { access: 'operator', scope: 'none' },
      schema: {
        tags,
        summary: 'Rates, queues, lags, losses and failures of each stage, over all nodes',
        response: { 200: FlowReport, ...errorReplies(503) },
      },
    },
    () => system.flow(),
  );
  app.get(
    '/api/system/nodes',
    {
      config: { access: 'operator', scope: 'none' },
      schema: { tags, summary: 'All nodes, also those that went away', response: { 200: NodeList, ...errorReplies() } },
    },
    () => system.nodes(),
  );
  app.get(
    '/api/system/settings',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags,
        summary: 'Every setting of this process, without secrets',
        response: { 200: SettingList, ...errorReplies() },
      },
    },
    async () => system.settings(),
  );
}
