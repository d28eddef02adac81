/** The last released version of the service: see scripts/bundle-former-version.ts. */
export { openService } from '../support/service.ts';
/** The file name of the last migration that this version came with. */
export const LAST_MIGRATION: string;
