#!/usr/bin/env python3
"""Gets an access token by client credentials, and submits a job with it."""

import os
import time

from authlib.integrations.requests_client import OAuth2Session

ACCESS = os.environ.get("ACCESS_URL", "http://127.0.0.1:7800")
JOBS = os.environ.get("JOBS_URL", "http://127.0.0.1:9000")


def main():
    session = OAuth2Session(
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        token_endpoint_auth_method="client_secret_basic",
        scope="jobs:read jobs:write",
    )
    # Where tokens come from (RFC 8414). The issuer must be who was asked.
    metadata = session.get(f"{ACCESS}/.well-known/oauth-authorization-server", withhold_token=True, timeout=5).json()
    if metadata["issuer"].rstrip("/") != ACCESS.rstrip("/"):
        raise SystemExit(f"asked {ACCESS}, and {metadata['issuer']} answered")
    # From here on each request carries the token.
    session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", timeout=5)

    job = {"type": "sum", "payload": {"numbers": [1, 2, 39]}}
    submitted = session.post(f"{JOBS}/v1/jobs", json=job, timeout=5)
    submitted.raise_for_status()
    job = submitted.json()
    while job["state"] in ("scheduled", "queued", "running"):
        time.sleep(0.1)
        job = session.get(f"{JOBS}/v1/jobs/{job['id']}", timeout=5).json()
    print(job)

    # Done with it (RFC 7009).
    session.revoke_token(metadata["revocation_endpoint"], token=session.token["access_token"], timeout=5)


if __name__ == "__main__":
    main()
