"""How to reach Odoo: options, then the environment, then a TOML file; the password apart.

A password or API key comes from the environment or the keyring, never from the file, because a
file can be committed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import sys
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from klausel.problems import Problem, ProblemError, Where, listed, near, problem
from klausel.shapes import complain
from klausel_book.files import bytes_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "klausel.toml"
TABLE = "odoo"
#: Name of the service in the keyring; the user is ``login@url/database``.
SERVICE = "klausel"
_PREFIX = "KLAUSEL_ODOO_"
_POLICIES = "KLAUSEL_POLICIES"
_SECRETS = ("password", "api_key", "apikey", "key", "token", "secret")
#: What people copy from the browser behind Odoo's own address.
_PAGES = re.compile(r"/(odoo|web)(/.*)?$")
#: What environment variables hold in the place of bytes that are no UTF-8.
_SURROGATE = re.compile("[\ud800-\udfff]")
#: Neither a form of Odoo's nor XML nor a header of HTTP carries them.
_CONTROL = re.compile("[\x00-\x1f\x7f]")
#: A shorter password stands in nearly every text.
_SHORTEST = 4
_AT = re.compile(r" \(at line (\d+), column (\d+)\)")


class OdooSettings(BaseSettings):
    """Where Odoo is and who asks. Neither its text nor its repr shows the password."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    url: str
    database: str = Field(min_length=1)
    login: str = Field(min_length=1)
    password: SecretStr
    """Password or API key."""
    company: str = ""
    """Id or name; empty: the company that the user works for."""
    timeout: float = Field(default=300, gt=0, le=3600)
    """Seconds that one call may take, from looking up the host to the last byte of the answer."""
    answer_limit: float = Field(default=200, gt=0, le=10_000)
    """Megabytes that one answer may have."""
    transport: Literal["auto", "odoorpc", "xmlrpc", "json2"] = "auto"
    policies: Path = Field(default=Path("policies"), validation_alias=_POLICIES)
    """Folder of the policy folders."""

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        example = "write it as: https://odoo.example.com"
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise complain("the URL has no https:// and a host", example)
        if parts.username or parts.password:
            raise complain("the URL has a login in it", "give login and password by themselves")
        try:
            port = parts.port
        except ValueError:
            raise complain("the port of the URL is not a number", example) from None
        path = _PAGES.sub("", parts.path.rstrip("/"))
        if path:
            raise complain(f'the URL has a path, "{path}"', example)
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return f"{parts.scheme}://{host}" + (f":{port}" if port else "")

    @field_validator("company", mode="before")
    @classmethod
    def _company(cls, value: object) -> object:
        return str(value) if isinstance(value, int) else value

    @field_validator("password")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        said = value.get_secret_value()
        if _SURROGATE.search(said):
            raise complain("the password is not UTF-8 text", "set it as UTF-8 text")
        if _CONTROL.search(said):
            what = "ends with a line end" if said[-1] in "\r\n" else "has a control character in it"
            raise complain(f"the password {what}", "take that off: nobody can log in with it")
        return value

    @field_validator("database", "login", "company", "url", mode="before")
    @classmethod
    def _readable(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        if _SURROGATE.search(value):
            raise complain(f'"{info.field_name}" is not UTF-8 text', "write it as UTF-8 text")
        if _CONTROL.search(value):
            raise complain(f'"{info.field_name}" has a control character in it', "write it without")
        return value

    @property
    def secure(self) -> bool:
        return self.url.startswith("https:")

    @property
    def exposed(self) -> bool:
        """Whether the password leaves this machine for everybody on the way to read."""
        host = urlsplit(self.url).hostname or ""
        if self.secure or host == "localhost" or host.endswith(".localhost"):
            return False
        try:
            return not ipaddress.ip_address(host).is_loopback
        except ValueError:
            return True

    @property
    def answer_bytes(self) -> int:
        return int(self.answer_limit * 1_000_000)

    def without_secret(self, said: str) -> str:
        """``said``, a text of another machine, where the password must not come back in it."""
        secret = self.secret()
        return said.replace(secret, "***") if len(secret) >= _SHORTEST else said

    @property
    def host(self) -> str:
        """As it stands in the URL: an IPv6 address in brackets."""
        name = urlsplit(self.url).hostname or ""
        return f"[{name}]" if ":" in name else name

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or (443 if self.secure else 80)

    def secret(self) -> str:
        """The password or API key itself, for the transports alone."""
        return self.password.get_secret_value()

    @classmethod
    def load(cls, config: Path | None = None, **options: Any) -> OdooSettings:
        """Settings from ``options``, the environment, ``config`` (default: ``klausel.toml`` in
        the working folder, where there is one) and the keyring, in this order.

        Raises :class:`ProblemError` with all that is wrong or missing.
        """
        path = config or Path(FILE)
        values, lines = _read(path, named=config is not None)
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return _loaded(given, values)
        except ValidationError as error:
            first = error
        if _only_password_missing(first):
            # Who asks is known now, so the keyring can be asked for the password.
            known = _loaded({**given, "password": ""}, values)
            secret = _from_keyring(known)
            if secret:
                return _with_stored(secret, given, values)
            hint = _how_to_give_password(_keyring_user(known))
            raise ProblemError(
                [problem("key-missing", Where(str(path)), key="password", hint=hint)]
            )
        raise ProblemError(_problems(first, path, lines, given)) from None


def _loaded(given: dict[str, Any], values: dict[str, Any]) -> OdooSettings:
    class Loaded(OdooSettings):
        """The settings with a file's values behind the environment."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, InitSettingsSource(settings_cls, values)

    Loaded.__name__ = Loaded.__qualname__ = OdooSettings.__name__
    return Loaded(**given)


# --- the file ---------------------------------------------------------------------------------


def _read(path: Path, named: bool) -> tuple[dict[str, Any], dict[str, int]]:
    """Values of the file's table and the line of each. Raises :class:`ProblemError`."""
    where = Where(str(path))
    if not path.exists() and not path.is_symlink():
        if named:
            hint = "name a file such as klausel.toml"
            raise ProblemError([problem("file-missing", where, hint=hint)])
        return {}, {}
    try:
        raw = bytes_of(path)
        text = raw.decode("utf-8-sig")
        data = tomllib.loads(text.replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise ProblemError([problem("file-not-utf8", where, byte=error.start + 1)]) from None
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        hint = "make it a file that you may read"
        raise ProblemError([problem("file-unreadable", where, reason=reason, hint=hint)]) from None
    except tomllib.TOMLDecodeError as error:
        raise ProblemError([_broken(str(path), str(error))]) from None
    table = data.get(TABLE, {})
    if not isinstance(table, dict):
        reason, hint = f'"{TABLE}" should be a table', f"begin it with the line [{TABLE}]"
        raise ProblemError([problem("shape", where, reason=reason, hint=hint)])
    lines = _lines(text)
    found = list(_refused(table, str(path), lines))
    if found:
        raise ProblemError(found)
    folder = table.get("policies")
    if isinstance(folder, str):
        # Beside the file that names it, wherever the program is started.
        table = {**table, "policies": path.parent / folder}
    return table, lines


def _broken(file: str, said: str) -> Problem:
    at = _AT.search(said)
    where = Where(file, int(at[1]), int(at[2])) if at else Where(file)
    reason = _AT.sub("", said)
    return problem(
        "shape", where, reason=f"this is not TOML: {reason[:1].lower()}{reason[1:]}",
        hint='write lines such as: url = "https://odoo.example.com"',
    )  # fmt: skip


def _lines(text: str) -> dict[str, int]:
    """Line of each key of the table; the parser itself keeps none."""
    found: dict[str, int] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped.split("#")[0].strip().strip("[] ") == TABLE
            if inside:
                found.setdefault("", number)
            continue
        key = stripped.partition("=")[0].strip().strip("\"'")
        if key.startswith(f"{TABLE}."):
            found.setdefault(key.partition(".")[2].strip(), number)
        elif inside and "=" in stripped:
            found.setdefault(key, number)
    return found


def _refused(table: dict[str, Any], file: str, lines: dict[str, int]) -> list[Problem]:
    known = [name for name in OdooSettings.model_fields if name != "password"]
    found = []
    for name in table:
        where = Where(file, lines.get(name, 0))
        if name.lower() in _SECRETS:
            found.append(
                problem(
                    "shape", where,
                    reason=f'"{name}" does not belong in this file, which could be committed',
                    hint=f"remove the line and {_how_to_give_password('LOGIN@URL/DATABASE')}",
                )
            )  # fmt: skip
        elif name not in known:
            hint = near(name, known) or f"known here: {listed(known, 12)}"
            found.append(problem("key-unknown", where, key=name, hint=hint))
    return found


# --- the password -----------------------------------------------------------------------------


def _how_to_give_password(user: str) -> str:
    return f"set {_PREFIX}PASSWORD, or store it once with: keyring set {SERVICE} {user}"


def _keyring_user(settings: OdooSettings) -> str:
    return f"{settings.login}@{settings.url}/{settings.database}"


def _from_keyring(settings: OdooSettings) -> str:
    """The stored password; "" where there is none, or no keyring that works."""
    with contextlib.suppress(Exception):  # a keyring fails in the ways of its backend
        import keyring

        return keyring.get_password(SERVICE, _keyring_user(settings)) or ""
    return ""


# --- what is wrong ------------------------------------------------------------------------------


def _with_stored(secret: str, given: dict[str, Any], values: dict[str, Any]) -> OdooSettings:
    try:
        return _loaded({**given, "password": secret}, values)
    except ValidationError as error:
        context = error.errors(include_url=False)[0].get("ctx") or {}
    where, reason, hint = Where("the keyring"), context["reason"], context["hint"]
    raise ProblemError([problem("shape", where, reason=reason, hint=hint)])


def _only_password_missing(error: ValidationError) -> bool:
    return [(e["loc"], e["type"]) for e in error.errors()] == [(("password",), "missing")]


def _problems(
    error: ValidationError, path: Path, lines: dict[str, int], given: dict[str, Any]
) -> list[Problem]:
    found = []
    for detail in error.errors(include_url=False):
        name = str(detail["loc"][0])
        name = "policies" if name == _POLICIES else name
        where = _where(name, path, lines, given)
        if detail["type"] == "missing":
            found.append(
                problem("key-missing", Where(str(path)), key=name, hint=_how_to_give(name))
            )
            continue
        context = detail.get("ctx") or {}
        if detail["type"] == "klausel":
            reason, hint = context["reason"], context["hint"]
        elif name == "transport":
            reason, hint = '"transport" is not known', "write auto, odoorpc, xmlrpc or json2"
        elif name == "timeout":
            reason, hint = '"timeout" is not a number of seconds', "write it as: 300"
        elif name == "answer_limit":
            reason, hint = '"answer_limit" is not a number of megabytes', "write it as: 200"
        else:
            reason, hint = f'"{name}" should be a text', _how_to_give(name)
        found.append(problem("shape", where, reason=reason, hint=hint))
    return found


def _how_to_give(name: str) -> str:
    if name == "password":
        return _how_to_give_password("LOGIN@URL/DATABASE")
    return f"give --{name}, set {_PREFIX}{name.upper()}, or add it to [{TABLE}] in {FILE}"


def _where(name: str, path: Path, lines: dict[str, int], given: dict[str, Any]) -> Where:
    """Where a wrong value comes from."""
    if name in given:
        return Where(f"--{name}")
    variable = _POLICIES if name == "policies" else _PREFIX + name.upper()
    if os.environ.get(variable):
        return Where(variable)
    return Where(str(path), lines.get(name, 0))
