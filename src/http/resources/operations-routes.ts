import { z } from 'zod';
import { asError } from '../../runtime/errors.ts';
import { metricFormat } from '../../infra/metric-format.ts';
import { redactText } from '../../infra/redact.ts';
import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { healthOf } from '../access/scoped-reports.ts';
import { errorReplies } from '../errors/replies.ts';
import type { HttpPorts } from '../ports.ts';
import {
  HealthReport,
  KeyPoolHealthReply,
  KeyPoolStatsReply,
  SchedulerHealthReply,
  keyPoolHealth,
} from '../schemas/operations-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['operations'];

/** Scheduler, key pool, metrics. */
export function operationRoutes(app: App, ports: HttpPorts): void {
  app.get(
    '/api/scheduler/stats',
    {
      config: { access: 'viewer', scope: 'everything' },
      schema: { tags, summary: 'Keys and calls', response: { 200: KeyPoolStatsReply, ...errorReplies(503) } },
    },
    async () => ({
      code: 200 as const,
      data: await ports.scheduler.stats(),
    }),
  );
  app.get(
    '/api/scheduler/health',
    {
      config: { access: 'viewer', scope: 'none' },
      schema: { tags, summary: 'The scheduler', response: { 200: SchedulerHealthReply, ...errorReplies(503) } },
    },
    async () => ({
      code: 200 as const,
      data: await ports.scheduler.health(),
    }),
  );
  app.get(
    '/api/key-pool/health',
    {
      config: { access: 'viewer', scope: 'none' },
      schema: {
        tags,
        summary: 'Whether keys can be used',
        response: { 200: KeyPoolHealthReply, ...errorReplies(503) },
      },
    },
    async () => ({
      code: 200 as const,
      data: keyPoolHealth(await ports.scheduler.stats()),
    }),
  );
  app.get(
    '/metrics',
    {
      config: { access: 'admin', scope: 'everything' },
      schema: {
        tags,
        summary: 'Prometheus metrics, as text or in OpenMetrics, by the header Accept',
        produces: ['text/plain', 'application/openmetrics-text'],
      },
    },
    async (request, reply) => {
      const { contentType, text } = await ports.metrics(metricFormat(request.headers.accept));
      return reply.type(contentType).send(text);
    },
  );
}

const Unanswered = z.object({ status: z.literal('down'), notices: z.array(z.string()) });

/** `/api/health`, also at its older path. 200 while cameras are watched, else 503. */
export function healthRoutes(
  app: App,
  ports: Pick<HttpPorts, 'health' | 'cameras'>,
  scope: Pick<CameraScope, 'sees'>,
): void {
  const reportFor = async (principal: Principal): Promise<HealthReport> => {
    const report = await ports.health();
    if (principal.groups === null) return report;
    const cameras = await ports.cameras.list();
    return healthOf(
      report,
      cameras.filter(({ config }) => scope.sees(principal, config.cameraId)),
    );
  };
  for (const path of ['/api/health', '/api/health/health_check']) {
    app.get(
      path,
      {
        config: { access: 'viewer', scope: 'filtered' },
        schema: {
          tags,
          summary: 'State of NATS, Redis, models and cameras',
          response: { 200: HealthReport, 503: z.union([HealthReport, Unanswered]) },
        },
      },
      async (request, reply) => {
        let report: HealthReport;
        try {
          report = await reportFor(request.principal);
        } catch (error) {
          return reply.code(503).send({
            status: 'down' as const,
            notices: [`the health could not be asked for: ${redactText(asError(error).message)}`],
          });
        }
        return report.status === 'down' ? reply.code(503).send(report) : reply.code(200).send(report);
      },
    );
  }
}
