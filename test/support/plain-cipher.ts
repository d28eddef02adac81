/** What the ledger works with where there is no need of Web Crypto, or no room for it. */

import type { Author } from '../../src/core/ledger/database.ts';
import { type Cipher, PLAIN } from '../../src/core/security/cipher.ts';

/** Seals nothing; what it gives can be opened by any cipher. */
export const PLAIN_CIPHER: Cipher = {
  keyName: async () => PLAIN,
  seal: async (text) => `${PLAIN}.${text}`,
  open: async (sealed) => sealed.slice(PLAIN.length + 1),
};

export const NOBODY: Author = { actor: 'test', requestId: null, address: null, isAdmin: false };
