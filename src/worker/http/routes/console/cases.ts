/** GET /console/api/cases: cases that need a person. POST /console/api/cases/resolve: records what the person found or did. */
import type { Context as HonoContext } from 'hono';
import { Hono } from 'hono/tiny';
import * as z from 'zod/mini';
import type { CaseResolved, ConsoleCase, ConsoleCases, ResolveCase } from '../../../../contract/console.ts';
import { wakeAtOnce } from '../../../../core/background/jobs.ts';
import {
  CASE_OPTIONS,
  type Case,
  type CaseId,
  caseIdIn,
  dealWithCase,
  findCase,
  isReference,
  type NotAllowed,
  REASON_RULE,
  REFERENCE_RULE,
  reasonIn,
  recordCase,
  whyNotDealWith,
  whyNotRecord,
  whyNotRetry,
} from '../../../../core/by-hand/cases.ts';
import type { Context } from '../../../../core/context.ts';
import { gatewayKind } from '../../../../core/domain/gateway-kind.ts';
import { decimalAmount } from '../../../../core/domain/money.ts';
import { isoSeconds } from '../../../../core/domain/timestamp.ts';
import { listOpenCases, type OpenCase } from '../../../../core/ledger/by-hand/list-open-cases.ts';
import { listResolutions, type ManualResolution } from '../../../../core/ledger/by-hand/resolutions.ts';
import { makeLookUpDue } from '../../../../core/ledger/look-ups/make-look-up-due.ts';
import { answersOf, readEach } from '../../../../core/monitoring/read-each.ts';
import { allDatabases, contextOfId } from '../../../../core/shards.ts';
import { errorResponse } from '../../error-envelope.ts';
import type { HttpEnv } from '../../http-env.ts';
import { BODY_MAX_BYTES, jsonBody } from '../../middleware/json-body.ts';
import { limitBody } from '../../middleware/limit-body.ts';
import { shownTenant } from '../../middleware/of-installation.ts';
import { validate } from '../../middleware/validate.ts';
import { isOfInstallation, shownActor } from '../shown-actor.ts';

const CASES_MAX = 200;
const DEALT_WITH_MAX = 50;
const SUBJECT_MAX_LENGTH = 400;

const subject = z.string('must be the subject of a case').check(
  z.maxLength(SUBJECT_MAX_LENGTH, 'is too long'),
  z.refine((text) => caseIdIn(text) !== null, 'must be TXN-…, REF-… or TXN-…/REFERENCE, as the list has it'),
);
const reason = z.pipe(
  z.string(REASON_RULE).check(z.refine((text) => reasonIn(text) !== null, REASON_RULE)),
  z.transform((text: string) => text.trim()),
);
const reference = z.string(REFERENCE_RULE).check(z.refine(isReference, REFERENCE_RULE));

const resolveRequest: z.ZodMiniType<ResolveCase> = z.discriminatedUnion(
  'action',
  [
    z.discriminatedUnion(
      'outcome',
      [
        z.strictObject({
          subject,
          action: z.literal('record'),
          outcome: z.literal('completed'),
          reference,
          reason,
        }),
        z.strictObject({ subject, action: z.literal('record'), outcome: z.literal('failed'), reason }),
      ],
      'must be completed or failed',
    ),
    z.strictObject({ subject, action: z.literal('retry') }),
    z.strictObject({ subject, action: z.literal('dealt_with'), reason }),
  ],
  'must be record, retry or dealt_with',
);

export const casesRoute = new Hono<HttpEnv>()
  .get('/', async function cases(c) {
    const tenant = shownTenant(c);
    const reads = await readEach(c.get('shards'), async ({ db }) => ({
      open: await listOpenCases(db, CASES_MAX, tenant),
      dealtWith: await listResolutions(db, DEALT_WITH_MAX, tenant),
    }));
    const { answers: lists, notRead } = answersOf(reads);
    const dealtWith = lists.flatMap((one) => one.dealtWith).toSorted((a, b) => b.resolvedAtMs - a.resolvedAtMs);
    return c.json<ConsoleCases>({
      cases: lists.flatMap(({ open }) => open.map(shownCase)),
      dealt_with: dealtWith.slice(0, DEALT_WITH_MAX).map((one) => shownResolution(one, tenant)),
      not_read: notRead,
    });
  })
  .post('/resolve', limitBody(BODY_MAX_BYTES), jsonBody(), validate(resolveRequest), async function resolve(c) {
    const asked = c.req.valid('json');
    const caseId = caseIdIn(asked.subject) as CaseId;
    const context = contextOfId(c.get('shards'), caseId.id);
    const one = await findCase(allDatabases(c.get('shards')), caseId, shownTenant(c));
    if (one === null) return errorResponse(c, 404, 'NOT_FOUND', `There is no ${asked.subject}.`);
    const resolved = await resolveCase(c, context, one, asked);
    if (resolved.kind === 'refused') return errorResponse(c, 409, 'INVALID_REQUEST', resolved.why);
    return c.json<CaseResolved>({ message: resolved.message });
  });

function shownCase(one: OpenCase): ConsoleCase {
  return {
    kind: one.kind,
    subject: one.subject,
    organisation: one.tenant,
    transaction_id: one.transactionId,
    booking_id: one.bookingId,
    gateway: gatewayKind(one.gateway),
    amount: decimalAmount(one.amountMinor, one.currency),
    currency: one.currency,
    since: isoSeconds(one.sinceMs),
    failure_reason: one.failureReason,
    options: [...CASE_OPTIONS[one.kind]],
  };
}

/** @param tenant that is shown its own; it does not see what those who run the installation have written for themselves. Null: they see it */
function shownResolution(
  { subject, reason, resolvedBy, resolvedAtMs }: ManualResolution,
  tenant: string | null,
): ConsoleCases['dealt_with'][number] {
  const isShown = tenant === null || !isOfInstallation(resolvedBy);
  return {
    subject,
    reason: isShown ? reason : '',
    resolved_by: tenant === null ? resolvedBy : shownActor(resolvedBy),
    resolved_at: isoSeconds(resolvedAtMs),
  };
}

type Resolved = { kind: 'done'; message: string } | { kind: 'refused'; why: string };

const CHANGED: Resolved = {
  kind: 'refused',
  why: 'The case has changed in the meantime, and nothing was recorded. Reload it, and decide again.',
};
const done = (message: string): Resolved => ({ kind: 'done', message });

async function resolveCase(
  c: HonoContext<HttpEnv>,
  context: Context,
  one: Case,
  asked: ResolveCase,
): Promise<Resolved> {
  const refused = (why: NotAllowed): Resolved => ({ kind: 'refused', why: notAllowedText(one, why, shownTenant(c)) });
  const nowMs = Date.now();
  switch (asked.action) {
    case 'retry': {
      const why = whyNotRetry(one);
      if (why !== null) return refused(why);
      if (!(await makeLookUpDue(one.db, one.subject, nowMs))) return CHANGED;
      await wakeAtOnce(context, 'look_ups');
      return done(`The service asks ${gatewayKind(one.found.transaction.gateway)} again within a minute.`);
    }
    case 'dealt_with': {
      const why = await whyNotDealWith(one);
      if (why !== null) return refused(why);
      const resolution = await dealWithCase(one, asked.reason, nowMs);
      if (resolution === null) return CHANGED;
      return done(`${one.subject} is marked as resolved.`);
    }
    case 'record': {
      const verdict =
        asked.outcome === 'completed'
          ? ({ as: 'completed', reference: asked.reference } as const)
          : ({ as: 'failed' } as const);
      const why = await whyNotRecord(allDatabases(c.get('shards')), one, verdict);
      if (why !== null) return refused(why);
      const eventId = context.newId('evt_');
      const recorded = await recordCase(one, { verdict, reason: asked.reason, eventId, nowMs });
      if (recorded.kind !== 'recorded') return CHANGED;
      if (recorded.eventId === null) return done(`${one.subject} is recorded as ${recorded.row.status}.`);
      await wakeAtOnce(context, 'sweep');
      return done(`${one.subject} is recorded as ${recorded.row.status}, and its event is being published.`);
    }
  }
}

/** @param tenant whose payments may be named in the text; null: anybody's */
function notAllowedText({ subject, found }: Case, why: NotAllowed, tenant: string | null): string {
  switch (why.kind) {
    case 'ended': {
      if (found.kind === 'unbooked') return `${subject} was paid at the provider: there is no outcome to find out.`;
      return why.isUnpaid
        ? `${subject} is ${why.status}. If the payer has the money back, mark it as resolved.`
        : `${subject} is ${why.status}: it needs no action.`;
    }
    case 'waits':
      return `${subject} waits for its payer or its capture: capture or void it.`;
    case 'still_asked': {
      const next = why.nextLookUpAtMs === null ? '' : `, next at ${isoSeconds(why.nextLookUpAtMs)}`;
      return `${subject} is pending, and the service is still asking ${gatewayKind(why.gateway)}${next}: the gateway decides.`;
    }
    case 'reference_known':
      return tenant === null
        ? `${why.reference} is already the charge or the refund of ${why.ids.join(', ')}.`
        : `${why.reference} is already the reference of another payment or refund.`;
    case 'undetermined':
      return `${subject} is pending, and the gateway cannot determine its outcome: record how it ended.`;
    case 'dealt_with_before':
      return dealtWithText(shownResolution(why.resolution, tenant));
  }
}

function dealtWithText({ subject, resolved_at, resolved_by }: ConsoleCases['dealt_with'][number]): string {
  return `${subject} was resolved at ${resolved_at} by ${resolved_by}.`;
}
