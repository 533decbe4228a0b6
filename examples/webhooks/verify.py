"""Whether a request is CronFlow's, whole and recent. Python 3.9 or newer, nothing to install.

Give it the body as it came, before anything has parsed it; both secrets while one is rotated. Whoever has seen `webhook-id`
before has done what the message says: it is delivered at least once.
"""
import base64
import hashlib
import hmac
import time


def verify(secrets, headers, body, tolerance=300, now=None):
    """True, or False for whatever is not to be believed. `headers` are named in lower case, `body` is bytes."""
    now = time.time() if now is None else now
    identifier, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp", "")
    if not identifier or not timestamp.isascii() or not timestamp.isdigit() or abs(now - int(timestamp)) > tolerance:
        return False
    signed = f"{identifier}.{timestamp}.".encode() + body
    given = [one[3:] for one in headers.get("webhook-signature", "").split(" ") if one.startswith("v1,")]
    right = False
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if len(key) < 24:
            raise ValueError("the secret is empty or cut off")
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
        for one in given:
            right |= hmac.compare_digest(expected, one.encode())
    return right


def verify_plain(secrets, headers, body, tolerance=300, now=None):
    """The same by `X-CronFlow-Signature: t=<unix>,v1=<hex>` alone, under the secret's text."""
    now = time.time() if now is None else now
    fields = [field.partition("=")[::2] for field in headers.get("x-cronflow-signature", "").split(",")]
    times = [value for name, value in fields if name == "t"]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or abs(now - int(times[0])) > tolerance:
        return False
    right = False
    for secret in secrets:
        if not secret:
            raise ValueError("the secret is empty")
        expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest()
        for name, value in fields:
            right |= name == "v1" and hmac.compare_digest(expected.encode(), value.encode())
    return right
