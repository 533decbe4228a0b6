"""A token's life with Authlib, as it comes: discovered, obtained, used, introspected, revoked, dead. Prints what was seen."""

import json
import os

from authlib.integrations.requests_client import OAuth2Session

ACCESS, JOBS = os.environ["ACCESS_URL"], os.environ["JOBS_URL"]

session = OAuth2Session(
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_SECRET"],
    token_endpoint_auth_method=os.environ["AUTH_METHOD"],
    scope="jobs:read",
)
metadata = session.get(f"{ACCESS}/.well-known/oauth-authorization-server", withhold_token=True, timeout=10).json()
assert metadata["issuer"] == ACCESS, metadata
token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", timeout=10)
secret = token["access_token"]


def use():
    return session.get(f"{JOBS}/v1/jobs", timeout=10).status_code


def is_active():
    return session.introspect_token(metadata["introspection_endpoint"], token=secret, timeout=10).json()["active"]


seen = {"scope": token["scope"], "used": use(), "active": is_active()}
seen["revoked"] = session.revoke_token(metadata["revocation_endpoint"], token=secret, timeout=10).status_code
seen["used_after"], seen["active_after"] = use(), is_active()
print(json.dumps(seen))
