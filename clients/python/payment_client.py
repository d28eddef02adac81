"""A client of the payment service. It sends what is safe to send again, under the same idempotency key, until there is an outcome or its
deadline is over. Python 3.9 or newer, with httpx."""

import contextvars
import json
import queue
import random
import re
import threading
import time
from urllib.parse import quote

import httpx

FIRST_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 5.0
# Answers after which the same request can succeed, although they do not say when.
TEMPORARY = (500, 503)
# Also what HTTP allows in the value of a header.
PRINTABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
IDEMPOTENCY_KEY_MAX_LENGTH = 255


class PaymentError(Exception):
    """The service refused the request. `code` says why; `retry_after_seconds` when to try again, if that helps."""

    def __init__(self, response, body, code=None):
        error = _error_in(body)
        super().__init__(error.get("message") or _message(response))
        self.code = code or error.get("code", "UNKNOWN")
        self.http_status = response.status_code
        self.details = error.get("details") or {}
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
    """The service did not answer before the deadline, or a proxy answered in its place. What was asked for may have happened: call again, under
    the same key. `http_status` and `retry_after_seconds` are of the answer to the last request, or None if it got none."""

    def __init__(self, base_url, response=None):
        instead = "" if response is None else f", and the last request got {response.status_code}"
        super().__init__(f"The payment service at {base_url} did not answer{instead}")
        self.http_status = None if response is None else response.status_code
        self.retry_after_seconds = None if response is None else _retry_after_seconds(response)


class PaymentClient:
    def __init__(self, base_url, api_key=None, deadline_seconds=30.0, request_deadline_seconds=20.0, headers=None):
        """`request_deadline_seconds` is for each request of a call, and longer than the service waits for a gateway."""
        valid = {name: _valid_header(name, value) for name, value in (headers or {}).items()}
        if api_key:
            valid["Authorization"] = f"Bearer {_valid_header('api_key', api_key)}"
        # The body can have card data: it goes to no other address.
        self._http = httpx.Client(base_url=base_url, headers=valid, follow_redirects=False)
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
        return self._call("POST", "/payment/process", payment, _valid_key(idempotency_key))

    def capture(self, hold):
        """Takes the money that is held. It can be called again."""
        return self._call("POST", "/payment/capture", hold, own_id=hold["transaction_id"])

    def void(self, hold):
        """Releases the money that is held. It can be called again."""
        return self._call("POST", "/payment/void", hold, own_id=hold["transaction_id"])

    def refund(self, refund, idempotency_key):
        """Pays back all or a part of a payment. Store the key before you call: called again with it, it is the same refund."""
        return self._call("POST", "/payment/refund", refund, _valid_key(idempotency_key))

    def status(self, transaction_id):
        """How a payment or a refund stands, by its id."""
        return self._call("GET", _status_path(transaction_id))

    def _call(self, method, path, body=None, idempotency_key=None, own_id=None):
        """`own_id`: the payment of a capture or a void, which an earlier request of this call may still be processing."""
        deadline = time.monotonic() + self._deadline_seconds
        content = None if body is None else json.dumps(body, allow_nan=False).encode()
        is_answer_missing = False
        attempt = 0
        while True:
            attempt += 1
            try:
                response, answer = self._request(method, path, content, idempotency_key, deadline)
            except NoAnswer as error:
                is_answer_missing = True
                _pause(_delay_seconds(error.retry_after_seconds, attempt), deadline, error)
                continue
            if response.is_success:
                return answer
            pending_id = _pending_id(response, answer, own_id)
            if pending_id is not None:
                # Once the outcome is known, the same request is answered with it.
                self._wait_for_outcome(pending_id, response, deadline)
            else:
                refusal = _refusal(response, answer, self._http.base_url if is_answer_missing else None)
                _pause(_retry_delay_seconds(response, answer, attempt), deadline, refusal)

    def _request(self, method, path, content, idempotency_key, deadline):
        headers = {} if content is None else {"Content-Type": "application/json"}
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        seconds = min(max(0.001, deadline - time.monotonic()), self._request_deadline_seconds)
        request = self._http.build_request(method, path, content=content, headers=headers, timeout=seconds)
        try:
            response, text = _within(seconds, lambda: self._read(request, time.monotonic() + seconds))
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol):
            raise  # A mistake in base_url: nothing was sent.
        except httpx.RequestError as error:
            # No connection, a broken one, no answer in time, or half of one.
            raise NoAnswer(self._http.base_url) from error
        answer = _object(text)
        if not _is_of_service(response, answer):
            raise NoAnswer(self._http.base_url, response)
        return response, answer

    def _read(self, request, deadline):
        response = self._http.send(request, stream=True)
        try:
            content = bytearray()
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() >= deadline:
                    raise httpx.ReadTimeout("The answer took too long", request=request)
        finally:
            response.close()
        return response, bytes(content)

    def _wait_for_outcome(self, transaction_id, response, deadline):
        """Returns when the request should be sent again."""
        seconds = _retry_after_seconds(response)
        attempt = 0
        while True:
            attempt += 1
            _pause(_delay_seconds(seconds, attempt), deadline, OutcomePending(transaction_id))
            try:
                response, answer = self._request("GET", _status_path(transaction_id), None, None, deadline)
            except NoAnswer as error:
                seconds = error.retry_after_seconds
                continue
            seconds = _retry_after_seconds(response)
            if response.is_success and answer.get("status") != "pending":
                return
            if response.status_code == 404 and _error_in(answer):
                return  # It was not recorded, after all: sent again, it is.


def _within(seconds, work):
    """What `work` returns or raises. httpx limits the time of each read, but not of a whole answer, and this does. A thread that is left
    behind ends with its connection, and does not keep the process from ending."""
    outcome = queue.SimpleQueue()

    def run():
        try:
            outcome.put((work(), None))
        except Exception as error:
            outcome.put((None, error))

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()
    try:
        result, error = outcome.get(timeout=seconds)
    except queue.Empty:
        raise httpx.ReadTimeout("The answer took too long") from None
    if error is not None:
        raise error
    return result


def _status_path(transaction_id):
    """Refuses an empty id, or dots alone, which would be another path."""
    if not isinstance(transaction_id, str) or not transaction_id.strip("."):
        raise ValueError("The id of a payment or a refund is needed, such as TXN-…")
    return f"/payment/status/{quote(transaction_id, safe='')}"


def _valid_header(name, value):
    """Without white space at its ends, such as the newline of a file. The error does not quote the value, which can be a secret."""
    stripped = value.strip()
    if not PRINTABLE.fullmatch(stripped):
        raise ValueError(f"{name} must have printable ASCII characters, in one line")
    return stripped


def _valid_key(key):
    """Without a key, a request that is sent again could be a second payment or refund."""
    if isinstance(key, str) and len(key) <= IDEMPOTENCY_KEY_MAX_LENGTH and PRINTABLE.fullmatch(key):
        return key
    raise ValueError(
        f"idempotency_key must have 1 to {IDEMPOTENCY_KEY_MAX_LENGTH} printable ASCII characters, and no space at its ends"
    )


def _object(text):
    """The JSON object that an answer is, or None."""
    try:
        answer = json.loads(text)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _is_of_service(response, answer):
    """A proxy's 5xx does not say whether the service got the request, and its 200 is no success."""
    if response.is_success:
        return answer is not None
    return response.status_code < 500 or bool(_error_in(answer))


def _pause(seconds, deadline, otherwise):
    """Waits. Raises what the call ends with if that does not help, or would go beyond the deadline."""
    if seconds is None or time.monotonic() + seconds >= deadline:
        raise otherwise
    time.sleep(seconds)


def _retry_delay_seconds(response, body, attempt):
    """None: the answer is final."""
    if response.has_redirect_location:
        return None
    seconds = _retry_after_seconds(response)
    is_temporary = response.status_code in TEMPORARY and _error_in(body).get("code") != "NOT_CONFIGURED"
    return _delay_seconds(seconds, attempt) if seconds is not None or is_temporary else None


def _delay_seconds(seconds, attempt):
    """What a server asks for, or up to twice as long each time, at random, so that many clients do not come back at once."""
    if seconds is not None:
        return max(FIRST_DELAY_SECONDS, seconds)
    longest = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2**attempt)
    return longest / 2 + random.random() * longest / 2


def _retry_after_seconds(response):
    text = response.headers.get("Retry-After", "")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def _message(response):
    status = response.status_code
    if not response.has_redirect_location:
        return f"The service answered {status}"
    location = response.headers["Location"]
    return f"Got {status}, a redirect to {location}, which was not followed: base_url must be the service's own address"


def _error_in(body):
    """What the service's envelope has; empty where the answer is not the service's, but a proxy's."""
    error = body.get("error") if body else None
    return error if isinstance(error, dict) and isinstance(error.get("code"), str) else {}


def _failure_in(body):
    """What an answer says of a failed or pending payment or refund, beside the envelope or in its details."""
    error = _error_in(body)
    details = error.get("details") or {}
    return {**details, **body} if error and "error_code" in body else details


def _pending_id(response, body, own_id):
    """The payment or refund of the request whose outcome is not known yet, or None."""
    failure = _failure_in(body)
    if failure.get("status") != "pending":
        return None
    is_own = (
        response.status_code in (502, 503)
        or _error_in(body).get("code") == "IDEMPOTENCY_IN_PROGRESS"
        or (response.status_code == 409 and own_id is not None and failure.get("transaction_id") == own_id)
    )
    return (failure.get("refund_transaction_id") or failure.get("transaction_id")) if is_own else None


def _refusal(response, body, unanswered):
    """What a call ends with if the answer is not sent for again. An answer that is temporary or a proxy's says nothing of an earlier request
    of the call that got no answer. `unanswered`: the service's address, if it has not answered an earlier request of the call."""
    is_final = bool(_error_in(body)) and _retry_delay_seconds(response, body, 1) is None
    if unanswered is not None and not is_final:
        return NoAnswer(unanswered, response)
    failure = _failure_in(body)
    if failure.get("status") == "failed" and failure.get("error_code") and response.status_code != 409:
        return PaymentFailed(response, body, failure["error_code"])
    return PaymentError(response, body)
