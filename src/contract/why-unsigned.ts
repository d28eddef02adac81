/** The signatures between Worker and bridge, by Standard Webhooks: https://www.standardwebhooks.com */
import { type Webhook, WebhookVerificationError } from 'standardwebhooks';

/** Why the body is signed with none of the secrets, or too long ago; null if it is. During a rotation there are two secrets. */
export function whyUnsigned(
  webhooks: readonly Webhook[],
  body: string,
  headers: Record<string, string>,
): string | null {
  let reason = 'there is no secret';
  for (const webhook of webhooks) {
    try {
      webhook.verify(body, headers, { jsonParse: false });
      return null;
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      reason = error.message;
    }
  }
  return reason;
}
