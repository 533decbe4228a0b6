# A receiver by the recipe in examples/webhooks, in both ways. Prints what they say, where they agree.
import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "examples/webhooks"))
from verify import verify, verify_plain

request = json.load(sys.stdin)
body = request["body"].encode()
said = {check([request["secret"]], request["headers"], body) for check in (verify, verify_plain)}
print({frozenset({True}): "verified", frozenset({False}): "refused"}.get(frozenset(said), "they disagree"))
late = {check([request["secret"]], request["headers"], body, now=0) for check in (verify, verify_plain)}
assert late == {False}
