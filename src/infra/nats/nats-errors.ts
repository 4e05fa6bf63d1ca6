import { type ApiError, NatsError } from 'nats';
import { asError } from '../../runtime/errors.ts';
import { InfraError } from '../infra-error.ts';

const DOWN: ReadonlySet<string> = new Set(['503', 'TIMEOUT', 'CONNECTION_CLOSED', 'CONNECTION_DRAINING', 'DISCONNECT']);
/**
 * JetStream's error codes below 500 that pass with time: the account's storage is full, the consumer or the stream is
 * being created again.
 */
const DOWN_ERR_CODES: ReadonlySet<number> = new Set([10_002, 10_014, 10_059]);

/**
 * A NATS error as an {@link InfraError}: `BUS_DOWN` when a later attempt may succeed (also when the server's storage is
 * full), else `BUS_REFUSED`.
 */
export function asInfraError(thrown: unknown, doing: string): InfraError {
  if (thrown instanceof InfraError) return thrown;
  const error = asError(thrown);
  const down =
    error instanceof NatsError && (DOWN.has(error.code) || (error.api_error !== undefined && mayHeal(error.api_error)));
  return new InfraError(down ? 'BUS_DOWN' : 'BUS_REFUSED', `${doing}: ${error.message}`, {}, thrown);
}

const mayHeal = ({ code, err_code = 0 }: ApiError): boolean => code >= 500 || DOWN_ERR_CODES.has(err_code);
