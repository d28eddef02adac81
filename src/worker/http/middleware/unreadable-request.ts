/** What can't be read as a request: ours, and the validator's own for JSON that can't be parsed. */
import { HTTPException } from 'hono/http-exception';

export class UnreadableRequest extends HTTPException {
  constructor(message: string) {
    super(400, { message });
  }
}

export function isUnreadable(error: Error): error is HTTPException {
  return error instanceof HTTPException && error.status === 400;
}
