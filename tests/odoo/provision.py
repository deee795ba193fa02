"""Gets Odoo 19 from Debian, and what it imports from PyPI, into the cache.

Debian packages Odoo 19 in its unreleased suite only. So a private apt configuration, derived from
the machine's own package source, downloads it from there without touching the system; nothing is
installed, only unpacked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .places import ADDONS, Unavailable, Workspace, cache, locked, make_folder, remove, step

SUITE = "sid"
ODOO = "odoo-19"
# The web client's libraries and fonts: without them the login page answers 500.
LIBRARIES = [
    *("libjs-jquery", "libjs-jquery-form", "libjs-underscore"),
    *("fonts-font-awesome", "fonts-glyphicons-halflings", "fonts-inconsolata"),
    *("fonts-montserrat", "fonts-ocr-b", "fonts-roboto-unhinted"),
]
LANGUAGES = ("en_US", "de_DE", "nl_NL")  # the first becomes every partner's default
APT = Path("/etc/apt")
RELEASE = Path("/etc/os-release")
#: What requirements-odoo.txt names, with hashes (scripts/lock).
REQUIREMENTS = Path(__file__).parents[2] / "locks" / "odoo.txt"

# Two thirds of the package are translations to languages that no test speaks, and its folder
# `addons` repeats the Python files of `odoo/addons`.
NOT_UNPACKED = (
    "*/i18n/[!dn]*.po",
    "*/i18n/d[!e]*.po",
    "*/i18n/n[!l]*.po",
    "*/i18n/??_*.po",
    "./usr/lib/python3/dist-packages/addons/*",
    "./usr/share/doc/*",
)


@dataclass(frozen=True)
class Installation:
    root: Path
    python: Path
    version: str

    @property
    def packages(self) -> Path:
        return self.root / "usr/lib/python3/dist-packages"

    @property
    def addons_path(self) -> str:
        """Odoo's own addons are found by themselves; a folder without any addon is an error."""
        ours = ADDONS if any(ADDONS.glob("*/__manifest__.py")) else None
        return ",".join(str(path) for path in (self.packages / "odoo/addons", ours) if path)

    def command(self, *arguments: str | Path) -> processes.Command:
        return [self.python, "-m", "odoo", *arguments]

    @property
    def env(self) -> dict[str, str]:
        """The caller's own Python and PostgreSQL settings must not reach Odoo."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PG", "ODOO_"))}
        return {
            **ours,
            "PYTHONPATH": str(self.packages),
            # Compiled files stay out of the repo's addon; Odoo starts in 2 s with them, else 10 s.
            "PYTHONPYCACHEPREFIX": str(cache() / "pycache"),
            "PYTHONUNBUFFERED": "1",
        }


def ensure_installation() -> Installation:
    """Odoo, unpacked and able to run; what is in the cache already is used as it is."""
    found = in_cache()
    if found:
        return found
    with locked("provision"):
        found = in_cache()
        if found:
            return found
        with Workspace(cache()) as work, ThreadPoolExecutor(2) as both:
            steps = [both.submit(make_venv, work), both.submit(unpack_odoo, work)]
            for each in steps:
                each.result()
    found = in_cache()
    assert found
    return found


def in_cache() -> Installation | None:
    python = venv_folder() / "bin/python"
    root = unpacked()
    if not (root and python.exists()):
        return None
    return Installation(root, python, root.name.removeprefix("root-"))


def ensure_chromium() -> str:
    """The path of Debian's browser; installed where it is missing."""
    for name in ("chromium", "chromium-browser"):
        if found := shutil.which(name):
            return found
    with step("Installing Chromium", "installed Chromium"):
        processes.install_debian("chromium", "The web client is looked at in Chromium")
    return shutil.which("chromium") or "/usr/bin/chromium"


def ensure_wkhtmltopdf() -> None:
    """Debian's program that Odoo prints with; installed where it is missing."""
    if not shutil.which("wkhtmltopdf"):
        with step("Installing wkhtmltopdf", "installed wkhtmltopdf"):
            processes.install_debian("wkhtmltopdf", "Odoo prints with it")


# --- Odoo


def unpacked() -> Path | None:
    return max(cache().glob("root-*"), key=lambda root: root.stat().st_mtime, default=None)


def unpack_odoo(work: Path) -> None:
    if unpacked():
        return
    downloads = make_folder(cache() / "downloads")
    with step("Downloading Odoo", "downloaded Odoo"):
        debs = processes.with_retries("Downloading Odoo", lambda: download(work, downloads))
    with step("Unpacking Odoo", "unpacked Odoo"):
        root = work / "root"
        root.mkdir()
        for deb in debs:
            # Not `dpkg -x`: it cannot leave anything out.
            tar: processes.Command = ["tar", "-x", "--no-same-owner", "-C", root, "--wildcards"]
            tar += [f"--exclude={pattern}" for pattern in NOT_UNPACKED]
            processes.pipe(["dpkg-deb", "--fsys-tarfile", deb], tar)
    version = next(deb.name for deb in debs if deb.name.startswith(f"{ODOO}_")).split("_")[1]
    root.rename(cache() / f"root-{version}")
    remove(downloads)


def download(work: Path, downloads: Path) -> list[Path]:
    """The packages' files. What an interrupted download left is taken up again."""
    apt: processes.Command = ["apt-get", "-q", "-c", apt_configuration(work)]
    processes.run([*apt, "update"])
    processes.run([*apt, "download", ODOO, *LIBRARIES], cwd=downloads)
    return sorted(downloads.glob("*.deb"))


def apt_configuration(work: Path) -> Path:
    """Own package sources, lists and caches; nothing of the system's is written."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    suffix, source = package_source()
    sources = work / f"private{suffix}"
    sources.write_text(source)
    configuration = work / "apt.conf"
    configuration.write_text(
        f"""\
Dir::Etc::SourceList "{sources}";
Dir::Etc::SourceParts "/dev/null";
Dir::State::Lists "{work}/lists";
Dir::State::Status "/dev/null";
Dir::Cache "{work}/cache";
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "3";
{'APT::Sandbox::User "root";' if os.geteuid() == 0 else ""}
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
    )
    return configuration


def package_source(etc: Path = APT, release: Path = RELEASE) -> tuple[str, str]:
    """The machine's own Debian source with another suite: file suffix and contents."""
    text = release.read_text() if release.exists() else ""
    facts = dict(re.findall(r'^(\w+)="?([^"\n]*)', text, re.M))
    suites = {facts.get("VERSION_CODENAME", ""), "stable", "testing", "unstable", "sid"} - {""}
    if facts.get("ID") == "debian" and shutil.which("apt-get"):
        for file in sorted((etc / "sources.list.d").glob("*.sources")):
            for stanza in re.split(r"\n\s*\n", file.read_text()):
                if changed := other_suite_deb822(stanza, suites):
                    return ".sources", changed
        for file in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
            for line in file.read_text().splitlines() if file.exists() else []:
                if changed := other_suite_line(line, suites):
                    return ".list", changed
    raise Unavailable(
        "Odoo 19 is fetched from Debian's package source and this machine has none: use a Debian "
        "machine or container, or set KLAUSEL_TEST_ODOO_URL to a server that exists."
    )


def other_suite_deb822(stanza: str, suites: set[str]) -> str | None:
    lines = [line for line in stanza.splitlines() if not line.startswith("#")]
    fields = {k.lower(): v.split() for k, v in (ln.split(":", 1) for ln in lines if ":" in ln)}
    if fields.get("enabled") == ["no"] or "deb" not in fields.get("types", []):
        return None
    if not suites & set(fields.get("suites", [])) or "main" not in fields.get("components", []):
        return None
    ours = {"types": "deb", "suites": SUITE, "components": "main"}
    changed = [
        f"{name}: {ours[name.lower()]}" if (name := line.split(":")[0]).lower() in ours else line
        for line in lines
    ]
    return "\n".join(changed) + "\n"


def other_suite_line(line: str, suites: set[str]) -> str | None:
    match = re.match(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line.strip())
    if not match or match[3] not in suites or "main" not in match[4].split():
        return None
    return f"deb {match[1] or ''}{match[2]} {SUITE} main\n"


# --- what Odoo imports


def venv_folder() -> Path:
    pins = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:8]
    return cache() / f"venv-{pins}"


def make_venv(work: Path) -> None:
    if (venv_folder() / "bin/python").exists():
        return
    remove(venv_folder())  # there, but its Python has been uninstalled
    with step("Installing Odoo's Python packages", "installed Odoo's Python packages"):
        venv = work / "venv"
        processes.run([interpreter(), "-m", "venv", venv])
        # Compiling all of it takes as long as installing it, and Odoo imports a fraction.
        pip: processes.Command = [
            venv / "bin/python",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-compile",
            "--require-hashes",
        ]
        pip += ["--disable-pip-version-check", "--only-binary", ":all:", "-r", REQUIREMENTS]
        processes.with_retries("Installing Odoo's Python packages", lambda: processes.run(pip))
        # Its scripts name the old place; nothing calls them, only bin/python.
        venv.rename(venv_folder())


def interpreter() -> str:
    """Odoo 19 supports Python 3.10 to 3.12; a later one is the last resort."""
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    known = ("python3.12", "python3.11", "python3.10")
    candidates = (sys.executable, *known) if fits else (*known, sys.executable)
    for python in candidates:
        if can_make_venvs(python):
            return python
    processes.install_debian("python3-venv", "Odoo needs a Python that can make environments")
    return "/usr/bin/python3"


def can_make_venvs(python: str) -> bool:
    """It may be on the path and not work: a version manager's stub, or half of the library."""
    try:
        processes.run([python, "-c", "import venv, ensurepip"])
    except RuntimeError:
        return False
    return True
