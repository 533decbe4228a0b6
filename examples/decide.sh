#!/usr/bin/env bash
# The smallest enforcement point: asks whether a client's request is allowed.
#
#   GATEWAY=cf_gw_… CREDENTIAL=cf_prod_… examples/decide.sh METHOD PATH ENVIRONMENT [CLIENT_ADDRESS]
#
# Exits with 0 (allow), 2 (deny) or 3 (could not decide). Secrets go to curl by standard input, so that no process list
# shows them. ACCESS_URL is http://127.0.0.1:7800 unless set.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: GATEWAY=… CREDENTIAL=… $0 METHOD PATH ENVIRONMENT [CLIENT_ADDRESS]" >&2; exit 3; }

address=${4:+, \"ip\": \"$4\"}
answer=$(curl --silent --show-error --fail-with-body --max-time 2 --config - <<CONFIG || true
url = "${ACCESS_URL:-http://127.0.0.1:7800}/v1/authorize"
header = "Authorization: Bearer $GATEWAY"
header = "Content-Type: application/json"
data = "{ \"credential\": \"$CREDENTIAL\", \"request\": { \"method\": \"$1\", \"path\": \"$2\", \"environment\": \"$3\"${address//\"/\\\"} } }"
CONFIG
)
echo "$answer"
case $answer in
  '{"decision":"allow",'*) exit 0 ;;
  '{"decision":"deny","status":503,'*) exit 3 ;;
  '{"decision":"deny",'*) exit 2 ;;
  *) exit 3 ;;
esac
