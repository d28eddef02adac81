/** What is known of the emulated accounts. Nothing of it is a secret: it opens nothing but the emulator. */
export const EMULATOR_CREDENTIALS = {
  stripeSecretKey: 'sk_test_emulatorOnlyOpensTheEmulator',
  stripeAccountId: 'acct_1EmulatedAccount00',
  stripeWebhookSecret: 'whsec_emulatorOnlyOpensTheEmulator',
  paypalClientId: 'EmulatedClientIdOnlyOpensTheEmulator',
  paypalClientSecret: 'EmulatedClientSecretOnlyOpensTheEmulator',
  paypalMerchantId: 'EMULATEDSHAP2',
  paypalWebhookId: '1EMULATEDWEBHOOK2',
} as const;

export type EmulatorCredentials = Readonly<Record<keyof typeof EMULATOR_CREDENTIALS, string>>;
