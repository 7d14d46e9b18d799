"""Ask whether what is installed has known vulnerabilities.

Exits with 0 if it has none, and with 1 if it has some. Where no service can be asked, it says so
in a line that can't be overlooked, and exits with 0 unless AUDIT=required is in the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys

SERVICES = ("pypi", "osv")
# A release that has known vulnerabilities: of a service that knows none of it, such as a mirror
# of PyPI, that it knows none of our packages says nothing.
CANARY = "jinja2==2.4.1"


def installed() -> str:
    """Return what is installed, as requirements; without this project, which is not on PyPI."""
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def ask(service: str, requirements: str) -> subprocess.CompletedProcess[str]:
    """Audit exactly these requirements; a package that can't be asked about is a failure."""
    options = ["--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    return subprocess.run(
        [sys.executable, "-m", "pip_audit", *options, "-s", service, "-r", "/dev/stdin"],
        input=requirements,
        capture_output=True,
        text=True,
    )


def main() -> int:
    for service in SERVICES:
        if "jinja2" not in ask(service, CANARY).stdout:
            print(f"Vulnerabilities: {service} can't be asked from here.")
            continue
        requirements = installed()
        done = ask(service, requirements)
        print(done.stdout, done.stderr, sep="", end="")
        print(f"Vulnerabilities: asked {service} about {len(requirements.splitlines())} packages.")
        return done.returncode
    print("NOT AUDITED: nobody could be asked whether the dependencies have vulnerabilities.")
    return 1 if os.environ.get("AUDIT") == "required" else 0


if __name__ == "__main__":
    sys.exit(main())
