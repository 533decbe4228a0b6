# A receiver with the published library of Standard Webhooks, as it comes. Prints what it says.
import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

request = json.load(sys.stdin)
try:
    Webhook(request["secret"]).verify(request["body"], request["headers"])
    print("verified")
except WebhookVerificationError:
    print("refused")
