"""A mail relay for tests, by aiosmtpd.

It says on standard output where it listens, then what it is given, a JSON object a line. What it does with a mail stands in the
file MANNER at that moment: `takes` it (also where there is no such file), says `later` or `refused`, `hangs`, or `closes`.

With `--ca FILE` it offers STARTTLS by a certificate for `relay.example` whose issuer it leaves there; with `--password` it wants
that, of the user `access`, too.
"""

import argparse
import asyncio
import json
import ssl
import sys
from pathlib import Path

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

arguments = argparse.ArgumentParser()
arguments.add_argument("manner", type=Path)
arguments.add_argument("--ca", type=Path)
arguments.add_argument("--password")
asked = arguments.parse_args()


def say(**what):
    print(json.dumps(what), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        manner = asked.manner.read_text().strip() if asked.manner.exists() else "takes"
        say(
            did=manner,
            to=envelope.rcpt_tos,
            sender=envelope.mail_from,
            tls=session.ssl is not None,
            known=bool(session.authenticated),
            text=envelope.content.decode("ascii"),
        )
        match manner:
            case "later":
                return "451 4.3.0 come back later"
            case "refused":
                return "550 5.1.1 nobody of that name"
            case "hangs":
                await asyncio.Event().wait()
            case "closes":
                server.transport.abort()
        return "250 2.0.0 taken"


def knows(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (b"access", asked.password.encode())
    return AuthResult(success=is_right, handled=False)


def tls():
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("relay.example").configure_cert(context)
    authority.cert_pem.write_to_path(str(asked.ca))
    return context


def session():
    more = {}
    if asked.ca:
        more |= {"tls_context": context, "require_starttls": True}
    if asked.password:
        more |= {"authenticator": knows, "auth_required": True}
    return SMTP(Handler(), hostname="relay.example", **more)


async def serve():
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    say(port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


context = tls() if asked.ca else None
try:
    asyncio.run(serve())
except KeyboardInterrupt:
    sys.exit(0)
