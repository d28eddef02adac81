"""A client of the payment service. It sends what is safe to send again, under the same idempotency key, until there is an outcome or its
deadline is over. Python 3.9 or newer, with httpx."""

import random
import time

import httpx

FIRST_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 5.0
# Answers after which the same request can succeed, although they do not say when.
TEMPORARY = (500, 503, 504)


class PaymentError(Exception):
    """The service refused the request. `code` says why; `retry_after_seconds` when to try again, if that helps."""

    def __init__(self, response, body, code=None):
        error = _envelope(body)
        super().__init__(error.get("message", f"The service answered {response.status_code}"))
        self.code = code or error.get("code", "UNKNOWN")
        self.http_status = response.status_code
        self.details = error.get("details", {})
        self.retry_after_seconds = _retry_after_seconds(response)
        self.request_id = response.headers.get("X-Request-Id")  # The service's log and its events have the same id.


class PaymentFailed(PaymentError):
    """The payment failed, such as CARD_DECLINED. `code` is the cause, and `details["next_step"]` what the payer can do. Pay again under a new
    key."""


class OutcomePending(Exception):
    """Money may have moved: the outcome was not known at the deadline. Wait for the event, ask for the status of `transaction_id`, or call
    again."""

    def __init__(self, transaction_id):
        super().__init__(f"The outcome of {transaction_id} is not known yet")
        self.transaction_id = transaction_id


class NoAnswer(Exception):
    """The service did not answer until the deadline. What was asked for may have happened: call again, under the same key."""


class PaymentClient:
    def __init__(self, base_url, api_key=None, deadline_seconds=30.0, request_deadline_seconds=20.0, headers=None):
        """`request_deadline_seconds` is for each request of a call, and longer than the service waits for a gateway."""
        authorization = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._http = httpx.Client(base_url=base_url, headers={**(headers or {}), **authorization})
        self._deadline_seconds = deadline_seconds
        self._request_deadline_seconds = request_deadline_seconds

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._http.close()

    def pay(self, payment, idempotency_key):
        """Takes a payment, or holds its money. Store the key before you call: called again with it, it is the same payment. `status` of the
        answer is `success`, `authorized`, or `pending`: then send the payer to `next_action["url"]`."""
        return self._call("POST", "/payment/process", payment, idempotency_key)

    def capture(self, hold):
        """Takes the money that is held. It can be called again."""
        return self._call("POST", "/payment/capture", hold, own_id=hold["transaction_id"])

    def void(self, hold):
        """Releases the money that is held. It can be called again."""
        return self._call("POST", "/payment/void", hold, own_id=hold["transaction_id"])

    def refund(self, refund, idempotency_key):
        """Pays back all or a part of a payment. Store the key before you call: called again with it, it is the same refund."""
        return self._call("POST", "/payment/refund", refund, idempotency_key)

    def status(self, transaction_id):
        """How a payment or a refund stands, by its id."""
        return self._call("GET", f"/payment/status/{transaction_id}")

    def _call(self, method, path, body=None, idempotency_key=None, own_id=None):
        """`own_id`: the payment of a capture or a void, which an earlier request of this call may still be processing."""
        deadline = time.monotonic() + self._deadline_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                response, answer = self._request(method, path, body, idempotency_key, deadline)
            except NoAnswer as error:
                _pause(_backoff_seconds(attempt), deadline, error)
                continue
            if response.is_success:
                return answer
            pending_id = _pending_id(response, answer, own_id)
            if pending_id is not None:
                # Once the outcome is known, the same request is answered with it.
                self._wait_for_outcome(pending_id, deadline)
            else:
                _pause(_retry_delay_seconds(response, answer, attempt), deadline, _error(response, answer))

    def _request(self, method, path, body, idempotency_key, deadline):
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        seconds = min(max(0.001, deadline - time.monotonic()), self._request_deadline_seconds)
        try:
            response = self._http.request(method, path, json=body, headers=headers, timeout=seconds)
            answer = _json(response)
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            raise  # A mistake in base_url, api_key or headers: nothing was sent.
        except (httpx.TransportError, ValueError) as error:
            # No connection, a broken one, no answer in time, or half of one.
            raise NoAnswer("The payment service did not answer") from error
        return response, answer

    def _wait_for_outcome(self, transaction_id, deadline):
        attempt = 0
        while True:
            attempt += 1
            _pause(_backoff_seconds(attempt), deadline, OutcomePending(transaction_id))
            try:
                response, answer = self._request("GET", f"/payment/status/{transaction_id}", None, None, deadline)
            except NoAnswer:
                continue
            if response.is_success and answer["status"] != "pending":
                return


def _json(response):
    """The body of an answer; of an error that is not the service's but a proxy's, an empty one."""
    try:
        return response.json()
    except ValueError:
        if response.is_success:
            raise
        return {}


def _pause(seconds, deadline, otherwise):
    """Waits. Raises what the call ends with if that does not help, or would go beyond the deadline."""
    if seconds is None or time.monotonic() + seconds >= deadline:
        raise otherwise
    time.sleep(seconds)


def _retry_delay_seconds(response, body, attempt):
    """None: the answer is final."""
    seconds = _retry_after_seconds(response)
    if seconds is not None:
        return seconds
    is_temporary = response.status_code in TEMPORARY and _envelope(body).get("code") != "NOT_CONFIGURED"
    return _backoff_seconds(attempt) if is_temporary else None


def _backoff_seconds(attempt):
    """Up to twice as long each time, at random, so that many clients do not come back at once."""
    longest = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**attempt)
    return longest / 2 + random.random() * longest / 2


def _retry_after_seconds(response):
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _envelope(body):
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _failure(body):
    """What an answer says of a failed or pending payment or refund, beside the envelope or in its details."""
    details = _envelope(body).get("details", {})
    return {**details, **body} if "error_code" in body else details


def _pending_id(response, body, own_id):
    """The payment or refund of the request whose outcome is not known yet, or None."""
    failure = _failure(body)
    if failure.get("status") != "pending":
        return None
    if response.status_code in (502, 503):
        return failure.get("refund_transaction_id") or failure.get("transaction_id")
    if response.status_code == 409 and own_id is not None and failure.get("transaction_id") == own_id:
        return own_id
    return None


def _error(response, body):
    failure = _failure(body)
    if failure.get("status") == "failed" and "error_code" in failure and response.status_code != 409:
        return PaymentFailed(response, body, failure["error_code"])
    return PaymentError(response, body)
