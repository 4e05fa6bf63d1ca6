import { ErrorBody } from './http-error.ts';

/** Response schemas of the given error statuses, for OpenAPI. */
export const errorReplies = <S extends number>(...statuses: readonly S[]): Record<S, typeof ErrorBody> => {
  const replies: Partial<Record<S, typeof ErrorBody>> = {};
  for (const status of statuses) replies[status] = ErrorBody;
  // Every status was just given its schema.
  return replies as Record<S, typeof ErrorBody>;
};
