/** Requests made from an OpenAPI document: what it allows, changed a little, and what nobody should send. */
import { TEXTS, VALUES } from './hostile-values.ts';
import type { Random } from './random.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema?: Schema }>> };
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
}

export interface FuzzRequest {
  readonly method: string;
  /** With the query, as it goes over the wire. */
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | null;
  /** The length does not fit the body: there may be no answer before the connection ends. */
  readonly torn: boolean;
}

export const operationsOf = (document: OpenApi): readonly (readonly [path: string, method: string])[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [path, method] as const),
  );

/** The one operation whose body the document tells in words only, since it may be multipart. */
const PICTURES = '/api/assessments';
const PICTURE_SCHEMA: Schema = {
  type: 'object',
  required: ['image_url'],
  properties: {
    image_url: { type: 'string', maxLength: 2_048 },
    priority: { type: 'integer', minimum: 1, maximum: 5 },
    hook_url: { type: 'string', maxLength: 2_048 },
  },
};
const PICTURE_OPERATION: Operation = {
  requestBody: { content: { 'multipart/form-data': {}, 'application/json': { schema: PICTURE_SCHEMA } } },
};

/** Makes requests, the same ones for the same numbers. */
export class RequestMaker {
  readonly #document: OpenApi;
  readonly #random: Random;
  readonly #picture: Buffer;

  constructor(document: OpenApi, random: Random, picture: Buffer) {
    this.#document = document;
    this.#random = random;
    this.#picture = picture;
  }

  make(path: string, method: string): FuzzRequest {
    const random = this.#random;
    const operation = this.#document.paths[path]?.[method] ?? {};
    const headers: [string, string][] = [['Host', 'localhost']];
    const { type, body } = this.#body(path === PICTURES && method === 'post' ? PICTURE_OPERATION : operation);
    if (type !== null) headers.push(['Content-Type', random.chance(0.95) ? type : this.#headerText()]);
    if (random.chance(0.1)) headers.push(...this.#oddHeaders());
    const torn = body !== null && random.chance(0.02);
    if (body !== null)
      headers.push(['Content-Length', String(torn ? body.length + 1 + random.below(100) : body.length)]);
    const verb = random.chance(0.97)
      ? method.toUpperCase()
      : random.pick(['PUT', 'OPTIONS', 'TRACE', 'HEAD', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY']);
    return { method: verb, target: this.#target(path, operation), headers, body, torn };
  }

  /** A message for `/ws`: allowed, changed, or rubbish. */
  message(schema: Schema): string {
    return this.#json(schema);
  }

  #target(path: string, { parameters = [] }: Operation): string {
    const random = this.#random;
    const filled = path.replace(/\{(\w+)\}/gu, (_, name: string) => {
      const schema = parameters.find((each) => each.name === name)?.schema ?? { type: 'string' };
      return random.chance(0.8)
        ? encode(String(this.#value(schema))).slice(0, 8_000)
        : random.pick([
            '%',
            '%ff',
            '%00',
            '%2e%2e',
            '..',
            '.',
            '%252e',
            ';',
            'a%2fb',
            '%F0%9F',
            'a'.repeat(199),
            'a'.repeat(300),
            '',
          ]);
    });
    const query = parameters
      .filter((each) => each.in === 'query')
      .flatMap(({ name, schema }) =>
        random.chance(0.6) ? [`${name}=${encode(String(this.#value(schema))).slice(0, 8_000)}`] : [],
      );
    if (random.chance(0.1))
      query.push(
        random.pick([
          'limit=1&limit=2',
          'x',
          '=',
          '&&&&',
          '__proto__=1',
          'constructor[prototype]=1',
          'a[]=1',
          'a=1&'.repeat(3_000),
          '%',
          '%ff=%ff',
          'limit=%00',
          `token=${'x'.repeat(5_000)}`,
        ]),
      );
    return `${filled}${query.length === 0 ? '' : `?${query.join('&')}`}`;
  }

  #body({ requestBody }: Operation): { readonly type: string | null; readonly body: Buffer | null } {
    const random = this.#random;
    const content = requestBody?.content ?? {};
    const types = Object.keys(content);
    const [first = 'application/json', ...more] = types;
    const type = random.pick([first, ...more]);
    if (types.length === 0 && random.chance(0.8)) return { type: null, body: null };
    if (type === 'multipart/form-data' && random.chance(0.7))
      return { type: 'multipart/form-data; boundary=XfuzzX', body: this.#multipart() };
    if (random.chance(0.03))
      return { type: 'application/json', body: Buffer.from([0x7b, 0x22, 0xff, 0xc3, 0x28, 0x22, 0x7d]) };
    return { type: 'application/json', body: Buffer.from(this.#json(content[type]?.schema ?? {})) };
  }

  /** Text of a value of the schema, mostly JSON. */
  #json(schema: Schema): string {
    const random = this.#random;
    const text = JSON.stringify(this.#value(schema)) ?? '';
    if (random.chance(0.85)) return text;
    return random.pick<() => string>([
      () => text.slice(0, random.below(text.length)),
      () => `${text}${text}`,
      () => '['.repeat(30_000),
      () => `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
      () => text.replace('{', '{"__proto__":{"x":1},'),
      () => text.replace('{', '{"constructor":{"prototype":{"x":1}},'),
      () => text.replace('{', '{"a":1,"a":2,'),
      () => text.replace(/:/u, ':1e999999,"x":'),
      () => ' '.repeat(60_000),
      () => `"${'\\ud800'.repeat(5_000)}"`,
      () => '0'.repeat(60_000),
      () => 'x'.repeat(300_000),
      () => '\ufeff' + text,
      () => '',
      () => 'null',
      () => text.replaceAll('"', "'"),
    ])();
  }

  #multipart(): Buffer {
    const random = this.#random;
    const parts: Buffer[] = [];
    const count = random.chance(0.9) ? 1 + random.below(3) : random.below(60);
    for (let index = 0; index < count; index += 1) {
      const file = index === 0 || random.chance(0.2);
      const name =
        file && random.chance(0.9)
          ? 'image'
          : random.chance(0.7)
            ? random.pick(['priority', 'hook_url'])
            : this.#headerText();
      const kind = random.chance(0.1) ? 'Content-Type: application/json\r\n' : '';
      parts.push(
        Buffer.from(
          `--XfuzzX\r\nContent-Disposition: form-data; name="${name}"${file ? '; filename="x"' : ''}\r\n${kind}\r\n`,
        ),
      );
      parts.push(file ? this.#file() : Buffer.from(random.chance(0.5) ? '3' : this.#text()));
      parts.push(Buffer.from('\r\n'));
    }
    if (random.chance(0.9)) parts.push(Buffer.from('--XfuzzX--\r\n'));
    return Buffer.concat(parts);
  }

  #file(): Buffer {
    const random = this.#random;
    if (random.chance(0.6)) return this.#picture;
    return random.pick([
      this.#picture.subarray(0, random.below(this.#picture.length)),
      Buffer.alloc(0),
      Buffer.from('GIF89a'),
      Buffer.alloc(100_000, 0xff),
    ]);
  }

  #oddHeaders(): readonly [string, string][] {
    return this.#random.pick<readonly [string, string][]>([
      [['X'.repeat(5_000), '1']],
      Array.from({ length: 500 }, (_, index) => [`X-${index}`, '1']),
      [
        ['Upgrade', 'websocket'],
        ['Connection', 'Upgrade, close'],
      ],
      [
        ['Upgrade', 'h2c'],
        ['Connection', 'Upgrade, close'],
      ],
      [['Origin', 'https://elsewhere.example']],
      [['Origin', 'a'.repeat(9_000)]],
      [['Authorization', `Bearer ${' '.repeat(5_000)}x`]],
      [['Authorization', 'a'.repeat(9_000)]],
      [['Cookie', 'a=b; '.repeat(1_500)]],
      [
        ['X-Forwarded-For', '1.2.3.4, '.repeat(900)],
        ['X-Forwarded-Host', 'elsewhere.example'],
      ],
      [['Last-Event-ID', '9'.repeat(5_000)]],
      [
        ['Accept', '*/*,'.repeat(2_000)],
        ['Range', `bytes=${'0-1,'.repeat(1_000)}`],
      ],
      [['Expect', this.#random.pick(['100-continue', 'x'])]],
      [['Transfer-Encoding', 'chunked']],
      [['Content-Encoding', 'gzip']],
      [['Host', 'elsewhere.example']],
      [[' folded', 'x']],
      [
        ['If-None-Match', '"x", '.repeat(1_000)],
        ['If-Modified-Since', 'x'.repeat(1_000)],
      ],
    ] as unknown as readonly [readonly [string, string][], ...(readonly [string, string][])[]]);
  }

  #text(): string {
    return this.#random.pick(TEXTS)();
  }

  /** Fit to stand in a header, if an odd one. */
  #headerText(): string {
    return this.#text()
      .replace(/[\r\n\0]|[^\0-\xff]/gu, '?')
      .slice(0, 5_000);
  }

  #value(schema: Schema): unknown {
    const random = this.#random;
    if (random.chance(0.06)) return this.#text();
    if (random.chance(0.04)) return random.pick(VALUES)();
    if (schema.$ref !== undefined)
      return this.#value(this.#document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''] ?? {});
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return this.#value(choices[random.below(choices.length)] ?? {});
    if ('const' in schema) return schema.const;
    if (schema.enum !== undefined) return schema.enum[random.below(schema.enum.length)];
    switch (schema.type) {
      case undefined:
        return this.#string(schema);
      case 'integer':
      case 'number': {
        const { minimum = 0, maximum = 100 } = schema;
        const value = random.chance(0.2)
          ? random.pick([minimum, maximum, minimum - 1, maximum + 1])
          : minimum + random.next() * (Math.min(maximum, minimum + 100) - minimum);
        return schema.type === 'integer' ? Math.round(value) : value;
      }
      case 'boolean':
        return random.chance(0.5);
      case 'array':
        if (schema.prefixItems !== undefined) return schema.prefixItems.map((each) => this.#value(each));
        return Array.from({ length: (schema.minItems ?? 0) + random.below(4) }, () => this.#value(schema.items ?? {}));
      case 'object':
        return this.#object(schema);
      default:
        return this.#string(schema);
    }
  }

  #object({ properties = {}, required = [] }: Schema): Record<string, unknown> {
    const random = this.#random;
    const made: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(properties)) {
      if (random.chance(required.includes(name) ? 0.97 : 0.4)) made[name] = this.#value(schema);
    }
    if (random.chance(0.08)) made[random.chance(0.5) ? 'unknown' : this.#text()] = this.#text();
    return made;
  }

  #string({ format, maxLength = 30, pattern = '' }: Schema): string {
    const random = this.#random;
    if (random.chance(0.1)) return 'a'.repeat(Math.min(maxLength + random.below(3) - 1, 70_000));
    if (format === 'uuid' || pattern.includes('[0-9a-fA-F]{8}'))
      return `00000000-0000-4000-8000-${String(random.below(10 ** 9)).padStart(12, '0')}`;
    if (format === 'date-time') return new Date(random.below(2 ** 31) * 1_000).toISOString();
    if (format === 'date') return new Date(random.below(2 ** 31) * 1_000).toISOString().slice(0, 10);
    if (pattern.startsWith('^(\\/')) return '/fuzz/nobody';
    if (maxLength >= 2_000)
      return random.pick([
        'rtsp://192.0.2.1/fuzz',
        'rtsp://user:hunter2@192.0.2.1:554/x?y=1',
        'http://192.0.2.1/x.jpg',
      ]);
    return random.pick(['fuzz', 'fuzz-1', `f${random.below(1_000)}`, 'on-demand', 'A_-z']);
  }
}

/** Percent-encoded as a browser would; what is no Unicode text becomes the replacement character. */
const encode = (text: string): string => encodeURIComponent(text.toWellFormed());
