"""Look for known vulnerabilities in the installed packages.

Exits with 1 if there are any. Where the vulnerability service cannot be reached, or knows none of
the packages (an offline mirror), it says so and passes: no answer is not a finding. With
``--must_answer``, as under CI, it exits with 2 then: no answer is not a pass either.
"""

import json
import subprocess
import sys


def main() -> int:
    unanswered = 2 if "--must_answer" in sys.argv[1:] else 0
    command = [sys.executable, "-m", "pip_audit", "--skip-editable", "--format", "json"]
    audit = subprocess.run(
        [*command, "--timeout", "30"], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(audit.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        last = (audit.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"Not audited: the vulnerability service gave no answer ({last[:200]}).")
        return unanswered
    known = [package for package in packages if "skip_reason" not in package]
    if not known:
        print(f"Not audited: the service knows none of the {len(packages)} packages.")
        return unanswered
    found = [(package, flaw) for package in known for flaw in package["vulns"]]
    for package, flaw in found:
        fixed = ", ".join(flaw["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {flaw['id']}, fixed in {fixed}")
    print(f"{len(known)} of {len(packages)} packages audited, {len(found)} known vulnerabilities.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
