/** The settings of the environment that a request, a batch or a cron comes with. */
import type { SettingsReading } from '../contract/misspelled-settings.ts';
import { readSettings, type Settings } from '../core/settings/settings.ts';
import type { Bindings } from './bindings.ts';

/** An isolate has one environment for all its requests, whose variables never change: each is read once. */
const readings = new WeakMap<Bindings, SettingsReading<Settings>>();

export function environmentSettings(env: Bindings): SettingsReading<Settings> {
  const before = readings.get(env);
  if (before !== undefined) return before;
  const reading = readSettings(env);
  readings.set(env, reading);
  return reading;
}
