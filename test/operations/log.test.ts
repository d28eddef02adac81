/** What a log line has of an error. */
import { describe, expect, it } from 'vitest';
import { errorFields, errorName } from '../../src/core/log.ts';

describe('an error in the log', () => {
  it('has its message', () => {
    expect(errorFields(new Error('the key set was answered with 502'))).toEqual({
      error: 'Error',
      message: 'the key set was answered with 502',
    });
  });

  it('of a parser has none: it would quote what somebody else has answered', () => {
    let thrown: unknown;
    try {
      JSON.parse('a@b.example is not known');
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain('a@b.exampl');
    const fields = errorFields(thrown);
    expect(fields.error).toBe('SyntaxError');
    expect(JSON.stringify(fields)).not.toContain('a@b.exampl');
  });

  it('of a call that carries an event has its name alone', () => {
    expect(errorName(new TypeError('cannot send {"user_email":"ada@example.com"}'))).toEqual({ error: 'TypeError' });
    expect(errorName('ada@example.com')).toEqual({ error: 'string' });
  });
});
