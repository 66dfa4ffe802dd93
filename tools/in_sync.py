"""Check that notebooks are clean and that the modules in mgm/ are what the notebooks export.

Works on a copy, so that nothing in the working tree is touched and uncommitted work is checked as it stands.
"""

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def tracked_files() -> list[str]:
    "Every file that git tracks or would track, as it lies in the working tree."
    listing = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def copy_of_the_tree(files: list[str], folder: Path) -> None:
    "Lay the files out again in `folder`, as a git repository of its own (nbdev looks for one)."
    for name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)


def main() -> int:
    "Clean and export in a copy; name every file that changed. Exit code 1 if there is one."
    files = tracked_files()
    tools = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        copy_of_the_tree(files, folder)
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        for command in ("nbdev_clean", "nbdev_export"):
            subprocess.run([str(tools / command)], cwd=folder, env=environment, check=True)
        made = {str(path.relative_to(folder)) for path in (folder / "mgm").rglob("*.py")}
        changed = [name for name in files if (folder / name).exists() and not filecmp.cmp(ROOT / name, folder / name, shallow=False)]
        changed += sorted(made - set(files))
    for name in changed:
        print(f"out of step: {name}", file=sys.stderr)
    if changed:
        print("run nbdev_clean and nbdev_export, look at the difference, and commit it", file=sys.stderr)
        return 1
    print(f"{len(files)} files: notebooks are clean and in step with mgm/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
