"""Looks for known vulnerabilities in the installed packages: ``python -m tests.audit``, a part of `make lint`.

pip-audit asks PyPI. Where PyPI's advisories cannot be reached, one line says so and nothing fails.
"""

import json
import subprocess
import sys


def main() -> int:
    """Prints one line for each vulnerability, or one line that there is none or that none could be looked up.

    Returns:
        1 if a package has a known vulnerability, else 0.
    """
    command = [sys.executable, "-m", "pip_audit", "--local", "--format=json", "--progress-spinner=off", "--timeout=10"]
    done = subprocess.run(command, capture_output=True, text=True)
    packages = json.loads(done.stdout)["dependencies"] if done.stdout else []
    checked = [package for package in packages if "vulns" in package]
    if not checked:
        reason = "the package index has none" if packages else (done.stderr.splitlines() or ["no answer"])[-1][:200]
        print(f"audit: skipped, because PyPI's advisories cannot be reached ({reason})")
        return 0
    found = [(package, each) for package in checked for each in package["vulns"]]
    for package, each in found:
        fixed = ", ".join(each["fix_versions"]) or "no version"
        print(f"audit: {package['name']} {package['version']}: {each['id']}, fixed in {fixed}")
    print(f"audit: {len(checked):,} packages checked, {len(found):,} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
