export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** `{}` for a body of another type. */
  readonly json: Record<string, unknown> & { [index: number]: Record<string, unknown> };
}

/** Fetches a path and reads the body. */
export async function call(base: string, path: string, init: RequestInit = {}): Promise<Reply> {
  const reply = await fetch(`${base}${path}`, init);
  const text = await reply.text();
  return {
    status: reply.status,
    headers: reply.headers,
    text,
    json: text !== '' && /json/u.test(reply.headers.get('content-type') ?? '') ? JSON.parse(text) : {},
  };
}

/** A POST of a body: JSON, or a string as it is. */
export const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
