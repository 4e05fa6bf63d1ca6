/** The messages of `/ws` that the page reads. */
import type { AlertRow as ServerRow } from '../../../src/http/schemas/alert-desk-schema.ts';
import type { Alarm } from '../../../src/messages/alarm.ts';
import type { AlertHandling, Shelf } from '../../../src/messages/alert-handling.ts';
import type { FeedMessage } from '../../../src/messages/feed.ts';

export type { Alarm, AlertHandling, Shelf };

/** An alert in a list of the API. */
export type AlertRow = ServerRow;

export type PageMessage = FeedMessage;
