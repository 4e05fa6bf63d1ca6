import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import protobuf from 'protobufjs';

/** The fields of OTLP's traces that tests look at, with the numbers of opentelemetry-proto. */
const PROTO = `syntax = "proto3";
message Export { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8; repeated KeyValue attributes = 9;
}
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; }
}`;
const Export = protobuf.parse(PROTO).root.lookupType('Export');

export interface ReceivedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  /** Epoch ms. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}

/** A collector that keeps the spans it is sent by OTLP over HTTP, as protobuf. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      assert.equal(request.url, '/v1/traces');
      spans.push(...spansIn(Buffer.concat(chunks)));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return {
    url: `http://127.0.0.1:${address.port}`,
    spans,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const hex = (bytes: string | undefined): string => Buffer.from(bytes ?? '', 'base64').toString('hex');

function spansIn(body: Uint8Array): ReceivedSpan[] {
  const { resourceSpans }: any = Export.toObject(Export.decode(body), { bytes: String, longs: String, arrays: true });
  return resourceSpans.flatMap(({ resource, scopeSpans }: any) => {
    const service = resource.attributes.find(({ key }: any) => key === 'service.name').value.stringValue;
    return scopeSpans
      .flatMap((scope: any) => scope.spans)
      .map((span: any) => ({
        service,
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        name: span.name,
        startMs: Number(span.startTimeUnixNano) / 1e6,
        endMs: Number(span.endTimeUnixNano) / 1e6,
      }));
  });
}
