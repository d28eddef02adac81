/**
 * What a caller gets, byte for byte, and which events are published. A change that is new to the contract must leave the recording as
 * it is; one that is meant to change it records it again, with `npx vitest run --project worker recorded-answers --update`.
 */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { askByCredential } from './recorded-callers.ts';
import { askAtFrontDoor } from './recorded-front-door.ts';
import { askInvalid } from './recorded-invalid.ts';
import { askForPayments } from './recorded-payments.ts';
import { askForRefunds } from './recorded-refunds.ts';
import { newRecorder } from './recorder.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

it('answers every recorded request as recorded, and publishes the recorded events', { timeout: 120_000 }, async () => {
  const recorder = newRecorder();
  await askAtFrontDoor(recorder);
  await askForPayments(recorder);
  await askForRefunds(recorder);
  await askInvalid(recorder);
  await askByCredential(recorder);
  await expect(recorder.text()).toMatchFileSnapshot('../data/recorded-answers.json');
});
