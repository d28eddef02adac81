/**
 * GET /ready: whether payments and events get through, for an uptime monitor. It needs no key, and reveals no figures. In an isolate, one request at
 * a time asks the databases, and its answer or error serves all others for a second: a flood from many addresses must not take them from payments.
 */
import { createMiddleware } from 'hono/factory';
import { Hono } from 'hono/tiny';
import type { ReadyResponse } from '../../../contract/responses.ts';
import { backgroundCaller } from '../../../core/caller.ts';
import { isoSeconds } from '../../../core/domain/timestamp.ts';
import { findReadyProblems, type ReadyProblem } from '../../../core/monitoring/readiness.ts';
import type { Shards } from '../../../core/shards.ts';
import type { Bindings } from '../../bindings.ts';
import type { HttpEnv } from '../http-env.ts';
import { withShards } from '../middleware/with-shards.ts';

const KEPT_MS = 1_000;
/** Longer than the databases may take. */
const ANSWER_DEADLINE_MS = 10_000;
/** A request cannot await what another one does, whose connections are its own: it looks for the answer. */
const LOOK_EVERY_MS = 50;

type Answer = { kind: 'found'; problems: ReadyProblem[] } | { kind: 'failed'; error: unknown };
interface Question {
  askedAtMs: number;
  /** Null while the databases are being asked. */
  answer: Answer | null;
  answeredAtMs: number;
}

/** The last question of each environment. */
const questions = new WeakMap<Bindings, Question>();

export const readyRoute = new Hono<HttpEnv>();

readyRoute.get(
  '/',
  createMiddleware<HttpEnv>(async function asMonitor(c, next) {
    c.set('caller', backgroundCaller('monitor', c.get('requestId')));
    return next();
  }),
  withShards(),
  async function showReadiness(c) {
    const answer = await ask(c.env, c.get('shards'), (asked) => c.executionCtx.waitUntil(asked));
    if (answer.kind === 'failed') throw answer.error;
    // Of the smoke test, which waits for the version that it is to test.
    c.header('X-Service-Version', c.env.CF_VERSION_METADATA?.id);
    const found = answer.problems;
    const isReady = !found.some(({ isUrgent }) => isUrgent);
    const problems = found.map(({ alert, sinceMs, message }) => ({ alert, since: isoSeconds(sinceMs), message }));
    return c.json<ReadyResponse>({ status: isReady ? 'ready' : 'not_ready', problems }, isReady ? 200 : 503);
  },
);

/** @param outlive keeps a question going whose client hangs up: others wait for its answer */
async function ask(env: Bindings, shards: Shards, outlive: (asked: Promise<Answer>) => void): Promise<Answer> {
  for (let last = questions.get(env); last !== undefined && isCurrent(last); last = questions.get(env)) {
    if (last.answer !== null) return last.answer;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  const question: Question = { askedAtMs: Date.now(), answer: null, answeredAtMs: 0 };
  questions.set(env, question);
  const asked = findReadyProblems(shards)
    .then(
      (problems): Answer => ({ kind: 'found', problems }),
      (error: unknown): Answer => ({ kind: 'failed', error }),
    )
    .then((answer) => {
      Object.assign(question, { answer, answeredAtMs: Date.now() });
      return answer;
    });
  outlive(asked);
  return asked;
}

function isCurrent({ askedAtMs, answer, answeredAtMs }: Question): boolean {
  return answer === null ? Date.now() - askedAtMs < ANSWER_DEADLINE_MS : Date.now() - answeredAtMs < KEPT_MS;
}
