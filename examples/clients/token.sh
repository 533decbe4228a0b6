#!/usr/bin/env bash
# Gets an access token by client credentials, and submits a job with it.
#
#   CLIENT_ID=… CLIENT_SECRET=… examples/clients/token.sh
#
# Secrets go to curl by standard input, so that no process list shows them.
set -euo pipefail
access=${ACCESS_URL:-http://127.0.0.1:7800} jobs=${JOBS_URL:-http://127.0.0.1:9000}
[ -n "${CLIENT_ID:-}" ] && [ -n "${CLIENT_SECRET:-}" ] || { echo 'state CLIENT_ID and CLIENT_SECRET' >&2; exit 64; }

ask() { curl --silent --show-error --fail-with-body --max-time 5 --config - "$@"; }
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }

metadata=$(ask "$access/.well-known/oauth-authorization-server" </dev/null)
token=$(ask "$(field token_endpoint <<<"$metadata")" --data grant_type=client_credentials \
  --data-urlencode 'scope=jobs:read jobs:write' <<<"user = \"$CLIENT_ID:$CLIENT_SECRET\"" | field access_token)
bearer="header = \"Authorization: Bearer $token\""

job=$(ask "$jobs/v1/jobs" --json '{"type": "sum", "payload": {"numbers": [1, 2, 39]}}' <<<"$bearer")
id=$(field id <<<"$job")
while [[ $(field state <<<"$job") =~ ^(scheduled|queued|running)$ ]]; do
  sleep 0.1
  job=$(ask "$jobs/v1/jobs/$id" <<<"$bearer")
done
echo "$job"

# Done with it (RFC 7009).
ask "$(field revocation_endpoint <<<"$metadata")" --output /dev/null <<CONFIG
user = "$CLIENT_ID:$CLIENT_SECRET"
data = "token=$token"
CONFIG
