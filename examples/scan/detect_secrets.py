"""A plugin for detect-secrets: `detect-secrets scan --plugin detect_secrets.py`.

Generated from the catalog by `cronflow-access scan rules --for detect-secrets`.
"""

import re
import zlib

from detect_secrets.plugins.base import RegexBasedDetector

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM = 6


def checksum(covered):
    """CRC-32 in base 62, the most significant digit first."""
    rest, digits = zlib.crc32(covered.encode()), ""
    for _ in range(CHECKSUM):
        rest, digit = divmod(rest, len(DIGITS))
        digits = DIGITS[digit] + digits
    return digits


class CatalogDetector(RegexBasedDetector):
    """Finds what begins, goes on and adds up like a secret of ours."""

    secret_type = "CronFlow"
    denylist = [re.compile(r"(?:cf_at_|cf_cs_|cf_gw_|cf_inv_|cf_ses_|cf_op_|cf_prod_|cf_ro_|cf_stg_|whsec_)[0-9]{2}[0-9A-Za-z]{54}")]

    def analyze_string(self, string):
        for found in super().analyze_string(string):
            if found[-CHECKSUM:] == checksum(found[:-CHECKSUM]):
                yield found
