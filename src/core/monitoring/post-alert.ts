/**
 * Posts a message to an incoming webhook in Slack's format, `{"text": …}`. Mattermost, Rocket.Chat and Google Chat accept it as well, and Discord at
 * the address with `/slack`. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/
 */

/** `refused`: the webhook answered with another status, or not at all. The reason never contains the address, which is a secret. */
export type AlertPosted = { kind: 'taken' } | { kind: 'refused'; reason: string };

export type PostAlert = (text: string) => Promise<AlertPosted>;

const POST_DEADLINE_MS = 5_000;

/** Never throws. */
export async function postAlert(webhookUrl: string, text: string): Promise<AlertPosted> {
  try {
    const response = await fetch(webhookUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: escaped(text) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(POST_DEADLINE_MS),
    });
    await response.body?.cancel();
    return response.ok ? { kind: 'taken' } : { kind: 'refused', reason: `it answered ${response.status}` };
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError';
    return { kind: 'refused', reason: isLate ? 'it did not answer in time' : 'it could not be reached' };
  }
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Escapes the three characters of Slack's links and mentions, as Slack asks for: https://docs.slack.dev/messaging/formatting-message-text/ */
function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}
