"""Everything that can be wrong with an Odoo, each as one exact sentence and what to do."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from klausel.problems import ErpError
from klausel_odoo import OdooSettings, OdooSource, erp
from klausel_run.doctor import examine

from .processes import run
from .rpc import Rpc
from .server import Odoo, Server

TRANSPORTS = ("odoorpc", "xmlrpc", "json2")
every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
WORD = "s3cret-word"


def source(url: str, transport: str = "auto", **options: Any) -> OdooSource:
    values = {"database": "prod", "login": "bot", "password": WORD, "timeout": 20, **options}
    return OdooSource(OdooSettings.load(url=url, transport=transport, **values))


def said(broken: OdooSource) -> str:
    """What a read fails with; doctor says the same, and nobody shows the password."""
    with pytest.raises(ErpError) as caught:
        broken.read(date(2026, 12, 31))
    *_, last = examine(OdooSource(broken.settings))
    assert (last.fine, last.said, last.hint) == (False, caught.value.message, caught.value.hint)
    assert WORD not in str(caught.value)
    return str(caught.value)


# --- nobody there


@every_transport
def test_no_such_host(transport: str) -> None:
    assert said(source("https://odoo.invalid", transport)) == (
        "https://odoo.invalid cannot be reached: there is no such host\n"
        "    check the URL, the network and that Odoo is running"
    )


@every_transport
def test_nothing_listens(transport: str) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        assert said(source(url, transport)) == (
            f"{url} cannot be reached: nothing listens there\n"
            "    check the URL, the network and that Odoo is running"
        )


@every_transport
def test_no_answer(transport: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # the kernel accepts, nobody ever answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert said(source(url, transport, timeout=0.2)) == (
            f"{url} did not answer within 0.2 seconds\n"
            "    try again, or set a longer timeout (KLAUSEL_ODOO_TIMEOUT)"
        )


# --- somebody else there


Answer = Callable[[BaseHTTPRequestHandler], None]


def answer(status: int, body: str, kind: str = "text/html", **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        content = body.encode()
        request.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return send


@contextmanager
def serving(send: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a server that answers everything the same way."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            send(self)

        def do_GET(self) -> None:
            send(self)

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what these tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        scheme = "http" if context is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


PAGE = "<html><h1>Internal Server Error</h1><pre>File /opt/secret.py</pre></html>"


@every_transport
@pytest.mark.parametrize(("status", "name"), [(500, "Internal Server Error"), (502, "Bad Gateway")])
def test_a_server_error(transport: str, status: int, name: str) -> None:
    with serving(answer(status, PAGE)) as url:
        assert said(source(url, transport)) == (
            f"{url} failed with {status} {name}\n"
            "    look at the log of the Odoo server, or of the proxy in front of it"
        )


@every_transport
@pytest.mark.parametrize(
    "send",
    [
        answer(404, "<html>not here</html>"),
        answer(200, "<html>Welcome to our shop</html>"),
        answer(200, '{"hello": "world"}', "application/json"),
        answer(200, "", "text/xml"),
    ],
    ids=["404", "page", "json", "nothing"],
)
def test_not_an_odoo(transport: str, send: Answer) -> None:
    with serving(send) as url:
        assert said(source(url, transport)) == (
            f"{url} does not answer like an Odoo server\n"
            "    check the URL: give Odoo's own, without path"
        )


@every_transport
def test_a_redirect_is_not_followed(transport: str) -> None:
    elsewhere = "https://odoo.example.com/"
    with serving(answer(301, "", Location=elsewhere)) as url:
        assert said(source(url, transport)) == (
            f"{url} redirects to {elsewhere}\n    give the URL that it redirects to"
        )


@every_transport
def test_a_server_that_hangs_up(transport: str) -> None:
    def hang_up(request: BaseHTTPRequestHandler) -> None:
        request.connection.shutdown(socket.SHUT_RDWR)

    with serving(hang_up) as url:
        assert said(source(url, transport)) == (
            f"{url} cannot be reached: the connection broke off\n"
            "    check the URL, the network and that Odoo is running"
        )


def versioned(version: str) -> Answer:
    """A server that answers questions for its version and knows nothing else."""

    def send(request: BaseHTTPRequestHandler) -> None:
        if "version" in request.path:
            both = {"version": version, "server_version": version}
            body = {"jsonrpc": "2.0", "id": 1, "result": both, **both}
            answer(200, json.dumps(body), "application/json")(request)
        else:
            answer(500, PAGE)(request)

    return send


@pytest.mark.parametrize("transport", ["odoorpc", "json2"])
def test_an_odoo_that_is_too_old(transport: str) -> None:
    with serving(versioned("16.0")) as url:
        assert said(source(url, transport)) == (
            "the server runs Odoo 16.0, which is too old: Klausel reads Odoo 17 and later\n"
            "    upgrade Odoo"
        )


def test_json2_needs_a_server_that_has_it() -> None:
    with serving(versioned("18.0")) as url:
        assert said(source(url, "json2")) == (
            'Odoo 18.0 has no /json/2\n    use the transport "odoorpc" for this server'
        )


def test_an_odoo_newer_than_we_know() -> None:
    with serving(versioned("21.0")) as url:
        first, second, *_ = examine(source(url))
        assert first.fine
        assert first.said == f"{url}, Odoo 21.0; Klausel knows 17 to 19 and treats it as 19"
        assert second.said == "json2"  # the older ways in are announced to go


# --- TLS

CERTIFICATE = """
import datetime, ipaddress, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of its own")])
now = datetime.datetime.now(datetime.timezone.utc)
alone = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=1)).add_extension(alone, False)
    .sign(key, hashes.SHA256()))
with open(sys.argv[1], "wb") as file:
    file.write(key.private_bytes(serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    file.write(made.public_bytes(serialization.Encoding.PEM))
"""


@pytest.fixture(scope="module")
def certificate(odoo_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signed itself; Odoo's own Python can make one."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    run([odoo_server.installation.python, "-c", CERTIFICATE, file])
    return file


def secured(certificate: Path) -> AbstractContextManager[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return serving(answer(500, PAGE), context)


@pytest.mark.odoo
@every_transport
def test_a_certificate_that_nobody_signed(transport: str, certificate: Path) -> None:
    with secured(certificate) as url:
        assert said(source(url, transport)) == (
            f"the certificate of {url} cannot be trusted: self-signed certificate\n"
            "    use a certificate of a known issuer, or name the issuer's file in SSL_CERT_FILE"
        )


@pytest.mark.odoo
@every_transport
def test_an_issuer_of_ones_own(
    transport: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with secured(certificate) as url:
        assert said(source(url, transport)).startswith(f"{url} failed with 500 ")


@pytest.mark.odoo
@every_transport
def test_a_certificate_of_another_host(
    transport: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with secured(certificate) as url:
        other = url.replace("127.0.0.1", "localhost")
        assert said(source(other, transport)).startswith(
            f"the certificate of {other} cannot be trusted: hostname mismatch, "
        )


@every_transport
def test_https_where_there_is_none(transport: str) -> None:
    with serving(answer(200, "")) as url:
        secure = url.replace("http:", "https:")
        assert said(source(secure, transport)).startswith(
            f"{secure} cannot be reached: no secure connection ("
        )


# --- an Odoo that refuses


def real(odoo: Odoo, transport: str = "auto", **options: Any) -> OdooSource:
    values = {"database": odoo.database, "login": odoo.login, "password": odoo.password, **options}
    return source(odoo.url, transport, **{"timeout": 120, **values})


def api_key(server: Server, odoo: Odoo) -> str:
    """A new key of the administrator's, good for a day."""
    code = """
import datetime
soon = datetime.datetime.now() + datetime.timedelta(days=1)
admin = env.ref("base.user_admin")
print("KEY", env["res.users.apikeys"].with_user(admin)._generate(None, "test", soon))
env.cr.commit()
"""
    return server.shell(odoo.database, code).split()[-1]


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["odoorpc", "xmlrpc"])
@pytest.mark.parametrize("wrong", [{"password": WORD}, {"login": "nobody"}])
def test_a_wrong_login(transport: str, wrong: dict[str, str], odoo: Odoo) -> None:
    login = wrong.get("login", "admin")
    assert said(real(odoo, transport, **wrong)) == (
        f"database {odoo.database} refuses login {login} with this password or API key\n"
        "    check both; with two-factor login Odoo takes only an API key"
    )


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["odoorpc", "xmlrpc"])
def test_passwords_of_all_letters(transport: str, odoo: Odoo) -> None:
    """The login works: what is refused comes after it."""
    rpc = Rpc(odoo)
    login = f"letters-{transport}"
    (user,) = rpc.call("res.users", "create", [{"name": "Letters", "login": login}])
    for word in (
        "wörd €🙂 ñ漢字", " spaces around ", "\"'`$\\&<>;|*?", "%2F%00{}[]]]>",
        "a\u0301 \u00a0\u2028x", "long " * 50,
    ):  # fmt: skip
        rpc.call("res.users", "write", [user], {"password": word})
        assert said(real(odoo, transport, login=login, password=word)) == (
            f"user {login} may not read klausel.contract\n"
            '    in Odoo, add the user to the group "Klausel / Connector"'
        ), word
        with pytest.raises(ErpError, match="with this password or API key"):
            real(odoo, transport, login=login, password=f"{word}x").read(date(2026, 12, 31))


@pytest.mark.parametrize("word", ["wörd", "two words", " key", "key ", "€", "\u00a0"])
def test_what_can_be_no_api_key(word: str) -> None:
    """It is not sent: a header cannot carry it."""
    with serving(versioned("19.0")) as url:
        with pytest.raises(ErpError) as caught:
            source(url, "json2", password=word).read(date(2026, 12, 31))
        assert str(caught.value) == (
            "an API key has no spaces and no letters other than A to Z in it: what is given as"
            " password is none\n    make one in Odoo (preferences of the user, Account Security);"
            " json2 takes no password"
        )


@pytest.mark.odoo
def test_json2_takes_no_password(odoo: Odoo) -> None:
    assert said(real(odoo, "json2")) == (
        f"database {odoo.database} refuses this API key\n"
        "    make one in Odoo (preferences of the user, Account Security); json2 takes no password"
    )


@pytest.mark.odoo
def test_json2_with_a_key_of_somebody_else(odoo_server: Server, odoo: Odoo) -> None:
    key = api_key(odoo_server, odoo)
    assert real(odoo, "json2", password=key).capabilities().version == "19.0"
    assert said(real(odoo, "json2", password=key, login="demo")) == (
        "the API key is not one of demo\n    give the login that the key belongs to"
    )


@pytest.mark.odoo
@every_transport
def test_a_wrong_database(transport: str, odoo: Odoo) -> None:
    assert said(real(odoo, transport, database="nowhere")) == (
        f'{odoo.url} has no database "nowhere"\n    check the name of the database'
    )


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["odoorpc", "xmlrpc"])
def test_the_addon_is_missing(transport: str, odoo_server: Server) -> None:
    plain = odoo_server.clone("base")
    assert said(real(plain, transport)) == (
        f"database {plain.database} has no addon klausel_billing\n"
        "    install klausel_billing in Odoo (Apps), or check the name of the database"
    )
    odoo_server.drop(plain.database)


@pytest.mark.odoo
@pytest.mark.parametrize(("ours", "hint"), [(3, "upgrade the addon"), (1, "upgrade klausel")])
def test_the_addon_speaks_another_protocol(
    ours: int, hint: str, odoo: Odoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    addon = real(odoo).session().info["addon"]
    monkeypatch.setattr(erp, "PROTOCOL", ours)
    assert said(real(odoo)) == (
        f"the addon klausel_billing {addon} speaks protocol 2, this program speaks {ours}\n"
        f"    {hint}"
    )


@pytest.mark.odoo
@pytest.mark.parametrize("transport", ["odoorpc", "xmlrpc"])
def test_a_user_without_rights(transport: str, odoo: Odoo) -> None:
    # The demo user is an ordinary employee.
    assert said(real(odoo, transport, login="demo", password="demo")) == (
        "user demo may not read klausel.contract\n"
        '    in Odoo, add the user to the group "Klausel / Connector"'
    )


@pytest.mark.odoo
@every_transport
def test_a_call_that_odoo_fails_at(transport: str, odoo_server: Server, odoo: Odoo) -> None:
    """Its own traceback stays on the server; the line that says what happened is shown."""
    password = api_key(odoo_server, odoo) if transport == "json2" else odoo.password
    session = real(odoo, transport, password=password).session()
    with pytest.raises(ErpError) as caught:
        session.transport.call("res.partner", "search_read", {"domain": [], "fields": ["nothing"]})
    assert str(caught.value) == (
        "Odoo failed while reading res.partner: Invalid field 'nothing' on 'res.partner'\n"
        "    look at the log of the Odoo server"
    )


@pytest.mark.odoo
def test_odoo_stops_in_the_middle(odoo_server: Server, odoo: Odoo) -> None:
    running = real(odoo)
    running.capabilities()
    odoo_server.kill()
    try:
        with pytest.raises(ErpError) as caught:
            running.read(date(2026, 12, 31))
        assert caught.value.message == f"{odoo.url} cannot be reached: nothing listens there"
    finally:
        odoo_server.restart()
    assert running.read(date(2026, 12, 31)).contracts
