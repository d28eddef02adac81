/** What a Worker of the tests is told: secrets that are nobody's, everybody may call, and no card has paid too often. */
export const LOCAL_SECRETS = {
  BRIDGE_SIGNING_SECRET: 'dGVzdC1zZWNyZXQtb2YtdGhlLXdvcmtlci10ZXN0cw==',
  FINGERPRINT_KEY: 'dGVzdC1maW5nZXJwcmludHMtb2YtdGhlLXdvcmtlcg==',
  CARD_FINGERPRINT_KEY: 'dGVzdC1jYXJkLWZpbmdlcnByaW50cy1vZi10aGUtd29ya2Vy',
  ENCRYPTION_KEY: 'dGVzdC1lbmNyeXB0aW9uLWtleS1vZi10aGUtd29ya2U=',
  API_KEY_SECRET: 'dGVzdC1hcGkta2V5cy1vZi10aGUtd29ya2VyLXRlc3Rz',
};

export const LOCAL_VARIABLES = {
  ENVIRONMENT: 'development',
  ...LOCAL_SECRETS,
  AUTH_MODE: 'none',
  VELOCITY_PER_CARD: '0',
  VELOCITY_PER_USER: '0',
  VELOCITY_DECLINE_PERCENT: '0',
};

/** The same in production: complete, and with the sandbox allowed. */
export const PRODUCTION_VARIABLES = {
  ENVIRONMENT: 'production',
  SANDBOX_ALLOWED: 'true',
  BRIDGE_URL: 'https://bridge.test/production/',
  ...LOCAL_SECRETS,
  AUTH_MODE: 'api_key',
};
