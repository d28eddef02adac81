/** `payctl resend`: publishes the events of a payment, a refund or a booking again. */
import { type Command, InvalidArgumentError } from 'commander';
import { DEFAULT_TENANT } from '../../core/security/credential.ts';
import { documented } from '../../local/command.ts';
import {
  addJsonOption,
  addPlaceOptions,
  DONE_OR_FAILED,
  type PlaceOptions,
  placeOf,
  readTenant,
} from '../arguments.ts';
import { withLedger } from '../ledger-access.ts';
import { type Named, publishAgain, readEventSource } from '../publish-again.ts';

interface Options extends PlaceOptions {
  booking?: string;
  tenant: string;
  json?: true;
}

export function addResend(program: Command): void {
  const command = program
    .command('resend')
    .summary('Publishes the events of a payment, a refund or a booking again.')
    .description(
      'Publishes events again, each under its own event_id and in the order of its booking. An event that is still waiting becomes due now. The id of a payment includes the events of its refunds and disputes.',
    )
    .argument('[ids...]', 'of events (evt_…), payments (TXN-…) and refunds (REF-…)', readIds)
    .option('--booking <booking>', 'all events of this booking', readBooking)
    .option('--tenant <tenant>', 'the organisation that the booking belongs to', readTenant, DEFAULT_TENANT)
    .action(async (ids: Named[], options: Options) => {
      const { booking, tenant } = options;
      const place = placeOf(options, command);
      const named: Named[] = booking === undefined ? ids : [...ids, { kind: 'booking', tenant, bookingId: booking }];
      if (named.length === 0) command.error('error: resend takes ids of events, payments or refunds, or --booking');
      await withLedger(place, ({ databases }) => publishAgain(databases, named, options.json === true));
    });
  addPlaceOptions(addJsonOption(command));
  documented(command, {
    examples: [
      ['resend TXN-01M84N7ZMCZCJ1ZC4MRCMVD5CD', 'the event of a payment, and those of its refunds'],
      ['resend --booking BOOK-789012 --tenant cinema-2 --remote', 'all events of a booking, on Cloudflare'],
    ],
    exitCodes: DONE_OR_FAILED,
  });
}

/** Commander calls it for each of the words, with what came of those before. */
function readIds(text: string, before: Named[] | undefined): Named[] {
  return [...(before ?? []), readEventSource(text)];
}

function readBooking(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must be the booking_id of a payment.');
  return text;
}
